import type { ShownMessage } from '@chat-cluster/client';
import { UserName } from '../../ui/user-name.tsx';
import { useUserId } from '../session/session-context.ts';
import classes from './message.module.css';

/** The beginning of the message that a message replies to. */
export function Quote({ replyTo }: { replyTo: NonNullable<Extract<ShownMessage, { seq: number }>['replyTo']> }) {
  const userId = useUserId();
  return (
    <blockquote className={classes.quote}>
      <span className={classes.quoteName}>
        {replyTo.senderId === userId ? 'You' : <UserName id={replyTo.senderId} />}
      </span>
      {replyTo.deleted ? (
        <span className={classes.deleted}>Deleted message</span>
      ) : (
        <bdi className={classes.quoteText}>{replyTo.text ?? 'Attachment'}</bdi>
      )}
    </blockquote>
  );
}
