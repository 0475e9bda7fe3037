import type { FullConversation } from '@chat-cluster/client/groups';
import { ActionIcon, Menu } from '@mantine/core';
import { Icon } from '../../ui/icon.tsx';
import { usePaneView } from '../pane/pane-view.ts';
import { useInfo } from '../use-info.ts';
import { useOpenConversation } from './open-conversation.ts';
import { useBlocked } from './use-blocked.ts';

interface ConversationMenuProps {
  conversation: FullConversation;
  /** Of a direct conversation. */
  otherUserId: string | undefined;
}

/** The settings of a conversation, for all devices of the user. A former member can archive the group. */
export function ConversationMenu({ conversation, otherUserId }: ConversationMenuProps) {
  const { attempt } = useOpenConversation();
  const settings = useInfo(conversation, (info) => info?.settings);
  const isMember = useInfo(conversation, (info) => info?.group?.role !== null);
  const leave = usePaneView((view) => view.leave);
  const { isBlocked, block, unblock } = useBlocked(otherUserId);
  /** An open conversation would be read at once, and one that is archived is not in the list. */
  const setAndLeave = (change: Parameters<FullConversation['set']>[0]) => {
    void attempt(conversation.set(change));
    leave();
  };
  return (
    <Menu position="bottom-end" withinPortal={false} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label="Settings of this conversation">
          <Icon name="more" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {isMember && (
          <>
            <Menu.Item
              leftSection={<Icon name="mute" size={16} />}
              onClick={() => attempt(conversation.set({ muted: !settings?.muted }))}
            >
              {settings?.muted ? 'Unmute' : 'Mute'}
            </Menu.Item>
            <Menu.Item leftSection={<Icon name="mail" size={16} />} onClick={() => setAndLeave({ markedUnread: true })}>
              Mark as unread
            </Menu.Item>
          </>
        )}
        {settings?.archived ? (
          <Menu.Item
            leftSection={<Icon name="archive" size={16} />}
            onClick={() => attempt(conversation.set({ archived: false }))}
          >
            Take out of the archive
          </Menu.Item>
        ) : (
          <Menu.Item leftSection={<Icon name="archive" size={16} />} onClick={() => setAndLeave({ archived: true })}>
            Archive
          </Menu.Item>
        )}
        {otherUserId !== undefined && (
          <Menu.Item leftSection={<Icon name="block" size={16} />} onClick={isBlocked ? unblock : block}>
            {isBlocked ? 'Unblock this user' : 'Block this user'}
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
