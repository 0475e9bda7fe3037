import { formatFull, formatTime } from '../../ui/formats.ts';
import { UserName } from '../../ui/user-name.tsx';
import { useUserId } from '../session/session-context.ts';
import { Attachments } from './attachments.tsx';
import { isEmojiOnly } from './emoji.ts';
import { EVERYONE } from './mentions.ts';
import classes from './message.module.css';
import { MessageText } from './message-text.tsx';
import { Quote } from './quote.tsx';
import type { Row } from './row.ts';
import { StatusMark } from './status-mark.tsx';

interface BubbleProps {
  row: Row;
  /** A long text is shown whole. */
  isShownWhole: boolean;
  onShowWhole(key: string, isWhole: boolean): void;
}

/** A message: its sender in a group, the quoted message, attachments, text, time and mark. */
export function Bubble({ row, isShownWhole, onShowWhole }: BubbleProps) {
  const { key, message, isMine, continues, isContinued, at } = row;
  const { content, attachments } = message;
  const stored = message.seq === undefined ? undefined : message;
  const isDeleted = stored?.deletedAt !== undefined;
  const isLarge = content !== null && attachments.length === 0 && !stored?.replyTo && isEmojiOnly(content);
  const namesSender = stored !== undefined && stored.receiverId === undefined && !isMine && !continues;
  const mentioned = [...(message.mentions ?? []), ...(message.mentionsAll ? [EVERYONE] : [])];
  return (
    <div
      className={classes.bubble}
      data-continues={continues}
      data-continued={isContinued}
      data-status={message.status}
      data-large={isLarge}
      data-media={attachments.length > 0}
    >
      {namesSender && <UserName className={classes.sender} id={stored.senderId} />}
      {stored?.replyTo && !isDeleted && <Quote replyTo={stored.replyTo} />}
      {attachments.length > 0 && <Attachments attachments={attachments} />}
      {content !== null && content !== '' && (
        <MessageText
          text={content}
          mentioned={mentioned}
          isShownWhole={isShownWhole}
          onShowWhole={(isWhole) => onShowWhole(key, isWhole)}
        />
      )}
      {isDeleted && <DeletedText by={stored.deletedBy} senderId={stored.senderId} />}
      <span className={classes.meta}>
        {stored?.editedAt !== undefined && !isDeleted && (
          <span title={`Edited ${formatFull(Date.parse(stored.editedAt))}`}>edited</span>
        )}
        <time dateTime={new Date(at).toISOString()} title={formatFull(at)}>
          {formatTime(at)}
        </time>
        {isMine && !isDeleted && <StatusMark message={message} />}
      </span>
    </div>
  );
}

function DeletedText({ by, senderId }: { by: string | undefined; senderId: string }) {
  const userId = useUserId();
  return (
    <span className={classes.deleted}>
      {by === undefined || by === senderId ? (
        'This message was deleted'
      ) : by === userId ? (
        'You deleted this message'
      ) : (
        <>
          Deleted by <UserName id={by} />
        </>
      )}
    </span>
  );
}
