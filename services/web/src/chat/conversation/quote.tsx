import type { ShownMessage } from '@chat-cluster/client';
import { UserName } from '../../ui/user-name.tsx';
import { useUserId } from '../session/session-context.ts';
import classes from './message.module.css';
import { useOpenConversation } from './open-conversation.ts';

/** The beginning of the message that a message replies to. A click leads there. */
export function Quote({ replyTo }: { replyTo: NonNullable<Extract<ShownMessage, { seq: number }>['replyTo']> }) {
  const userId = useUserId();
  const { jumpTo } = useOpenConversation();
  return (
    <blockquote className={classes.quote}>
      <button
        type="button"
        className={classes.quoteButton}
        title="Go to this message"
        onClick={() => jumpTo(replyTo.seq)}
      >
        <span className={classes.quoteName}>
          {replyTo.senderId === userId ? 'You' : <UserName id={replyTo.senderId} />}
        </span>
        {replyTo.deleted ? (
          <span className={classes.deleted}>Deleted message</span>
        ) : (
          <bdi className={classes.quoteText}>{replyTo.text ?? 'Attachment'}</bdi>
        )}
      </button>
    </blockquote>
  );
}
