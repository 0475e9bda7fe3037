import { visibleText } from '../../ui/visible-text.ts';
import classes from './message.module.css';
import { type StoredMessage, useOpenConversation } from './open-conversation.ts';
import { useCanWrite } from './use-can-write.ts';

/** The reactions to a message, with their numbers. The own ones are pressed; a click sets or clears one. */
export function Reactions({ message: { seq, reactions = [] } }: { message: StoredMessage }) {
  const { conversation, attempt } = useOpenConversation();
  const canWrite = useCanWrite();
  return (
    <ul className={classes.reactions} aria-label="Reactions">
      {reactions.map(({ emoji, count, mine = false }) => (
        <li key={emoji}>
          <button
            type="button"
            className={classes.reaction}
            aria-pressed={mine}
            aria-label={`${visibleText(emoji)} ${count}${mine ? ', including yours' : ''}`}
            disabled={!canWrite}
            onClick={() => attempt(conversation.react(seq, emoji, !mine))}
          >
            <bdi className={classes.emoji}>{visibleText(emoji)}</bdi> {count}
          </button>
        </li>
      ))}
    </ul>
  );
}
