import type { UserConversation, UserView } from '@chat-cluster/contracts';
import { Button } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { ClusterSource } from '../data/cluster-source.ts';
import { formatCount, formatTime } from '../data/format-figures.ts';
import { messageLink } from '../data/page-route.ts';
import { useLookup } from '../data/use-lookup.ts';
import { type Column, DataTable } from '../parts/data-table.tsx';
import { Nothing } from '../parts/panel.tsx';
import { UserLink } from '../parts/user-link.tsx';
import classes from './lookup.module.css';

/** The conversations of a user, page by page. A new lookup starts again with the first page. */
export function UserConversations({ user, source }: { user: UserView; source: ClusterSource }) {
  const [pages, setPages] = useState<readonly UserView[]>([user]);
  const { lookup, load, clear } = useLookup<UserView>();
  useEffect(() => {
    clear();
    setPages([user]);
  }, [user, clear]);
  useEffect(() => {
    if (lookup.result) setPages((before) => (lookup.result ? [...before, lookup.result] : before));
  }, [lookup.result]);
  const rows = pages.flatMap(({ conversations }) => conversations);
  const cursor = pages.at(-1)?.nextCursor ?? null;
  return (
    <>
      <h4 className={classes.subtitle}>
        Conversations{rows.length > 0 && `, newest first: ${formatCount(rows.length)}`}
        {cursor !== null && ' so far'}
      </h4>
      {rows.length === 0 ? <Nothing>The user has no conversation.</Nothing> : <Rows rows={rows} />}
      {cursor !== null && (
        <div className={classes.more}>
          <Button
            variant="default"
            size="xs"
            loading={lookup.loading}
            onClick={() => void load((signal) => source.user(user.userId, cursor, signal))}
          >
            Load more conversations
          </Button>
          {lookup.failure !== undefined && <span role="alert"> {lookup.failure}</span>}
        </div>
      )}
    </>
  );
}

function Rows({ rows }: { rows: readonly UserConversation[] }) {
  return (
    <DataTable
      label="Conversations of the user"
      columns={conversationColumns(Date.now())}
      rows={rows}
      keyOf={conversationIdOf}
      nameOf={conversationIdOf}
    />
  );
}

const conversationIdOf = ({ conversationId }: UserConversation) => conversationId;

/** A group has no other user. */
function nameOf({ otherUserId }: UserConversation) {
  return otherUserId === null ? 'a group' : <UserLink id={otherUserId} />;
}

function conversationColumns(now: number): Column<UserConversation>[] {
  return [
    { key: 'with', title: 'With', cell: (row) => nameOf(row) },
    { key: 'read', title: 'Read up to', cell: ({ readSeq }) => formatCount(readSeq), numeric: true },
    { key: 'last', title: 'Last sequence', cell: ({ lastSeq }) => formatCount(lastSeq), numeric: true },
    { key: 'unread', title: 'Unread', cell: ({ unread }) => formatCount(unread), numeric: true },
    { key: 'updated', title: 'Last activity', cell: ({ updatedAt }) => formatTime(updatedAt, now) },
    {
      key: 'id',
      title: 'Conversation',
      cell: ({ conversationId }) => (
        <a className={classes.code} href={messageLink(conversationId)}>
          {conversationId}
        </a>
      ),
    },
  ];
}
