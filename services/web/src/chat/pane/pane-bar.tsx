import type { ChatStatus } from '@chat-cluster/client';
import { useBadge, useChatStatus, useCounts } from '@chat-cluster/client/react';
import type { ReactNode } from 'react';
import { UserName } from '../../ui/user-name.tsx';
import { Avatar } from '../avatar.tsx';
import { useUserId } from '../session/session-context.ts';
import { useOnline } from '../use-page.ts';
import classes from './pane.module.css';

/** The user of a pane, the gateway and the state of the connection. `children`: controls at the end. */
export function PaneBar({ children }: { children?: ReactNode }) {
  const userId = useUserId() ?? '…';
  const status = useChatStatus();
  const isOnline = useOnline();
  const badge = useBadge() ?? 0;
  const { mutedCount, mentionCount } = useCounts();
  return (
    <div className={classes.bar}>
      <Avatar userId={userId} size={24} />
      <UserName className={classes.user} id={userId} />
      <span className={classes.connection}>
        <span className={classes.dot} data-tone={toneOf(status)} />
        {status.state === 'live' ? (
          <span>
            live on <span className={classes.gateway}>{status.gatewayId}</span>
          </span>
        ) : (
          labelOf(status, isOnline)
        )}
      </span>
      <span className={classes.barEnd}>
        {badge > 0 && <span className={classes.unread}>{badge} unread</span>}
        {mentionCount > 0 && (
          <span className={classes.unread} data-kind="mentions">
            {mentionCount === 1 ? '1 mention' : `${mentionCount} mentions`}
          </span>
        )}
        {mutedCount > 0 && (
          <span className={classes.unread} data-kind="muted">
            {mutedCount} muted
          </span>
        )}
        {children}
      </span>
    </div>
  );
}

function toneOf({ state }: ChatStatus): string {
  if (state === 'live') return 'good';
  return state === 'unauthorized' || state === 'closed' || state === 'signed_out' ? 'bad' : 'wait';
}

const LABELS: Record<ChatStatus['state'], string> = {
  idle: 'not connected',
  connecting: 'connecting',
  catching_up: 'catching up',
  live: 'live',
  waiting: 'no connection',
  unauthorized: 'not signed in',
  signed_out: 'signed out',
  closed: 'closed',
};

function labelOf({ state }: ChatStatus, isOnline: boolean): string {
  return isOnline ? LABELS[state] : 'offline';
}
