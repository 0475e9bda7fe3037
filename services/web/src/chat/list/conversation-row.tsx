import type { ConversationSnapshot, Message } from '@chat-cluster/client';
import type { PresenceOfUsers } from '@chat-cluster/client/react';
import { VisuallyHidden } from '@mantine/core';
import { memo } from 'react';
import { formatNumber, formatTimeOrDay } from '../../ui/formats.ts';
import { Icon } from '../../ui/icon.tsx';
import { UserName } from '../../ui/user-name.tsx';
import { Avatar } from '../avatar.tsx';
import { beginningOf } from '../conversation/excerpt.ts';
import { Sentence } from '../sentence.tsx';
import { sentenceOf } from '../system-entry.ts';
import { memberCountText, titleOf } from '../title.ts';
import classes from './conversation-list.module.css';

interface ConversationRowProps {
  conversation: ConversationSnapshot;
  userId: string | undefined;
  presence: PresenceOfUsers[string];
  isOpen: boolean;
  isFocusable: boolean;
  now: number;
  onOpen(conversationId: string): void;
}

export const ConversationRow = memo(function ConversationRow(props: ConversationRowProps) {
  const { conversation, userId, presence, isOpen, isFocusable, now, onOpen } = props;
  const { group, lastMessage, unreadCount, settings } = conversation;
  const title = titleOf(conversation);
  return (
    <li>
      <button
        type="button"
        data-row
        className={classes.row}
        aria-current={isOpen ? 'true' : undefined}
        tabIndex={isFocusable ? 0 : -1}
        data-unread={unreadCount > 0 || settings?.markedUnread === true}
        onClick={() => onOpen(conversation.id)}
      >
        <Avatar userId={title} online={presence?.online} isGroup={group !== undefined} />
        <span className={classes.text}>
          <span className={classes.line}>
            <UserName className={classes.name} id={title} />
            {presence?.online && <VisuallyHidden>, online</VisuallyHidden>}
            {group && <VisuallyHidden>, group, {memberCountText(group.memberCount)}</VisuallyHidden>}
            {lastMessage && (
              <span className={classes.time}>{formatTimeOrDay(Date.parse(lastMessage.createdAt), now)}</span>
            )}
          </span>
          <span className={classes.line}>
            <span className={classes.preview}>
              <Preview conversation={conversation} userId={userId} />
            </span>
            <Badges conversation={conversation} />
          </span>
        </span>
      </button>
    </li>
  );
});

/** The last message, with its sender in a group and with the mark of an own one. */
function Preview({ conversation, userId }: { conversation: ConversationSnapshot; userId: string | undefined }) {
  const { group, otherUserId, lastMessage, readMarks } = conversation;
  if (!lastMessage) return 'No messages yet';
  const { senderId, seq, system } = lastMessage;
  if (system) {
    return (
      <bdi>
        <Sentence parts={sentenceOf(lastMessage, userId)} />
      </bdi>
    );
  }
  const isMine = senderId === userId;
  const isRead = otherUserId !== undefined && (readMarks[otherUserId] ?? 0) >= seq;
  return (
    <>
      {isMine && (
        <span className={classes.mark} data-read={isRead}>
          <Icon name={isRead ? 'checks' : 'check'} size={14} />
        </span>
      )}
      {group && !isMine && (
        <span className={classes.sender}>
          <UserName id={senderId} />:
        </span>
      )}
      <bdi>{previewOf(lastMessage)}</bdi>
    </>
  );
}

function Badges({ conversation }: { conversation: ConversationSnapshot }) {
  const { unreadCount, mentionCount = 0, settings } = conversation;
  const isMarked = unreadCount === 0 && settings?.markedUnread === true;
  return (
    <>
      {settings?.muted && (
        <span className={classes.mark} role="img" aria-label="Muted" title="Muted">
          <Icon name="mute" size={14} />
        </span>
      )}
      {mentionCount > 0 && (
        <span className={classes.badge} data-kind="mention">
          @<VisuallyHidden>{mentionCount === 1 ? '1 mention' : `${mentionCount} mentions`}</VisuallyHidden>
        </span>
      )}
      {unreadCount > 0 && (
        <span className={classes.badge} data-kind={settings?.muted ? 'muted' : undefined}>
          {unreadCount > 999 ? '999+' : formatNumber(unreadCount)}
          <VisuallyHidden> unread</VisuallyHidden>
        </span>
      )}
      {isMarked && (
        <span className={classes.dot}>
          <VisuallyHidden>marked as unread</VisuallyHidden>
        </span>
      )}
    </>
  );
}

function previewOf({ content, attachments, deletedAt }: Message): string {
  if (deletedAt !== undefined) return 'Message deleted';
  if (content) return beginningOf(content, 120).replace(/\s+/g, ' ');
  const [first, ...others] = attachments;
  const kind = first?.type === 'PDF' ? 'PDF' : 'Image';
  return others.length > 0 ? `${attachments.length} attachments` : kind;
}
