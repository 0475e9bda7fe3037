import { UserName } from '../../ui/user-name.tsx';
import { Avatar } from '../avatar.tsx';
import classes from './message-list.module.css';

export function EmptyConversation({ title, isGroup }: { title: string; isGroup: boolean }) {
  return (
    <div className={classes.empty}>
      <Avatar userId={title} size={56} isGroup={isGroup} />
      <p className={classes.emptyTitle}>
        This is the beginning of {isGroup ? 'the group' : 'your conversation with'} <UserName id={title} />
      </p>
      <p>Write the first message below. It is stored before it is confirmed, and arrives on every device.</p>
    </div>
  );
}

const WIDTHS = ['52%', '34%', '61%', '28%', '46%', '38%'];

/** Grey bubbles while the first messages are loaded. They appear after a moment, so that a fast load shows none. */
export function LoadingMessages() {
  return (
    <div className={classes.loading} role="status" aria-label="Loading messages">
      {WIDTHS.map((width, index) => (
        <span key={width} data-mine={index % 3 === 1} style={{ width }} />
      ))}
    </div>
  );
}
