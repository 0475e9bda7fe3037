import { Icon } from '../../ui/icon.tsx';
import { UserName } from '../../ui/user-name.tsx';
import { useUserId } from '../session/session-context.ts';
import classes from './composer.module.css';
import { beginningOf } from './excerpt.ts';
import type { Task } from './open-conversation.ts';

/** Above the field: the message to which the user replies, or which is edited. */
export function TaskBar({ kind, message, onEnd }: Task & { onEnd(): void }) {
  const userId = useUserId();
  return (
    <div className={classes.task}>
      <Icon name={kind === 'reply' ? 'reply' : 'pen'} size={16} />
      <span className={classes.taskText}>
        {kind === 'edit' ? (
          'Edit this message: '
        ) : message.senderId === userId ? (
          'Reply to yourself: '
        ) : (
          <>
            Reply to <UserName id={message.senderId} />:{' '}
          </>
        )}
        <bdi className={classes.taskQuote}>
          {message.content === null ? 'Attachment' : beginningOf(message.content, 100)}
        </bdi>
      </span>
      <button type="button" aria-label={kind === 'reply' ? 'Do not reply' : 'Do not edit'} onClick={onEnd}>
        <Icon name="close" size={14} />
      </button>
    </div>
  );
}
