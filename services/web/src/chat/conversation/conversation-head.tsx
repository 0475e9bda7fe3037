import type { FullConversation } from '@chat-cluster/client/groups';
import { useChatStatus, usePresence, useTyping } from '@chat-cluster/client/react';
import { ActionIcon } from '@mantine/core';
import { useMemo } from 'react';
import { formatAgo } from '../../ui/formats.ts';
import { Icon } from '../../ui/icon.tsx';
import { UserName } from '../../ui/user-name.tsx';
import { Avatar } from '../avatar.tsx';
import { Sentence } from '../sentence.tsx';
import { people } from '../system-entry.ts';
import { memberCountText } from '../title.ts';
import { useInfo } from '../use-info.ts';
import { useNow } from '../use-page.ts';
import { ConversationMenu } from './conversation-menu.tsx';
import classes from './conversation-view.module.css';

interface ConversationHeadProps {
  conversation: FullConversation;
  /** The name of the conversation. */
  title: string;
  onBack(): void;
  onMembers(): void;
}

/** The name of the conversation, the presence of the other user or the number of members, and the settings. */
export function ConversationHead({ conversation, title, onBack, onMembers }: ConversationHeadProps) {
  const group = useInfo(conversation, (info) => info?.group);
  const otherUserId = useInfo(conversation, (info) => info?.otherUserId);
  const presence = usePresenceOf(otherUserId);
  const typing = useTyping(conversation);
  const now = useNow(60_000);
  return (
    <header className={classes.head}>
      <ActionIcon
        className={classes.back}
        variant="subtle"
        color="gray"
        aria-label="Back to the conversations"
        onClick={onBack}
      >
        <Icon name="back" />
      </ActionIcon>
      <Avatar userId={title} size={32} online={presence?.online} isGroup={group !== undefined} />
      <div className={classes.person}>
        <h2 className={classes.name}>
          <UserName id={title} />
        </h2>
        <p className={classes.presence} data-typing={typing.length > 0} aria-live="off">
          {typing.length > 0 ? (
            <>{group && <Sentence parts={people(typing, undefined)} />} typing …</>
          ) : group ? (
            memberCountText(group.memberCount)
          ) : (
            presenceText(presence, now)
          )}
        </p>
      </div>
      <div className={classes.headEnd}>
        {group && group.role !== null && (
          <ActionIcon variant="subtle" color="gray" aria-label="Members" title="Members" onClick={onMembers}>
            <Icon name="users" />
          </ActionIcon>
        )}
        <ConversationMenu conversation={conversation} otherUserId={otherUserId} />
      </div>
    </header>
  );
}

/** Without a connection nothing is known about the other user. */
function usePresenceOf(otherUserId: string | undefined) {
  const users = useMemo(() => (otherUserId === undefined ? [] : [otherUserId]), [otherUserId]);
  const known = usePresence(users)[otherUserId ?? ''];
  return useChatStatus().state === 'live' ? known : undefined;
}

function presenceText(presence: { online: boolean; lastSeenAt?: string | undefined } | undefined, now: number): string {
  if (!presence) return '\u00a0';
  if (presence.online) return 'online';
  return presence.lastSeenAt ? `last seen ${formatAgo(Date.parse(presence.lastSeenAt), now)}` : 'offline';
}
