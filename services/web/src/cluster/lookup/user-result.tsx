import type { UserConnection, UserView } from '@chat-cluster/contracts';
import { useEffect, useRef } from 'react';
import { UserName } from '../../ui/user-name.tsx';
import type { ClusterSource } from '../data/cluster-source.ts';
import { formatAge, formatCount, formatTime } from '../data/format-figures.ts';
import { type Column, DataTable } from '../parts/data-table.tsx';
import { Nothing } from '../parts/panel.tsx';
import { StatusMark } from '../parts/status-mark.tsx';
import classes from './lookup.module.css';
import { UserActions } from './user-actions.tsx';
import { UserConversations } from './user-conversations.tsx';

/** After an action, gateways close the connections within this time, in ms. Then the user is loaded again. */
const CLOSED_WITHIN_MS = 1_500;

interface UserResultProps {
  user: UserView;
  source: ClusterSource;
  canAct: boolean;
  onReload: () => void;
}

export function UserResult({ user, source, canAct, onReload }: UserResultProps) {
  const { userId, unread, revokedAt, connections } = user;
  const now = Date.now();
  const reloading = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(reloading.current), []);
  const reloadSoon = () => {
    clearTimeout(reloading.current);
    reloading.current = setTimeout(onReload, CLOSED_WITHIN_MS);
  };
  return (
    <>
      <div className={classes.summary}>
        <h3 className={classes.id}>
          <UserName id={userId} />
        </h3>
        <StatusMark tone={connections.length > 0 ? 'good' : 'off'}>
          {connections.length > 0 ? describeCount(connections.length) : 'Not connected'}
        </StatusMark>
        <span>{formatCount(unread)} unread</span>
        {revokedAt !== undefined && (
          <StatusMark tone="warning">Tokens issued until {formatTime(revokedAt, now)} are rejected</StatusMark>
        )}
        <UserActions userId={userId} source={source} canAct={canAct} onDone={reloadSoon} />
      </div>
      <Connections user={user} />
      <UserConversations user={user} source={source} />
    </>
  );
}

function describeCount(connections: number): string {
  return connections === 1 ? '1 connection' : `${connections} connections`;
}

function Connections({ user }: { user: UserView }) {
  const { connections, connectionsUnknown } = user;
  return (
    <>
      <h4 className={classes.subtitle}>Connections</h4>
      {connectionsUnknown !== undefined && (
        <p className={classes.message}>
          <StatusMark tone="warning">The list may be incomplete</StatusMark> {connectionsUnknown}
        </p>
      )}
      {connections.length === 0 ? (
        <Nothing>No connection is known.</Nothing>
      ) : (
        <DataTable
          label="Connections of the user"
          columns={connectionColumns(Date.now())}
          rows={connections}
          keyOf={connectionIdOf}
          nameOf={connectionIdOf}
        />
      )}
    </>
  );
}

const connectionIdOf = ({ connectionId }: UserConnection) => connectionId;

function connectionColumns(now: number): Column<UserConnection>[] {
  return [
    { key: 'gateway', title: 'Gateway', cell: ({ gateway }) => gateway },
    {
      key: 'since',
      title: 'Since',
      cell: ({ since }) => `${formatTime(since, now)} (${formatAge(now - since)})`,
    },
    { key: 'transport', title: 'Transport', cell: ({ transport }) => transport },
    { key: 'id', title: 'Connection', cell: (row) => <span className={classes.code}>{row.connectionId}</span> },
  ];
}
