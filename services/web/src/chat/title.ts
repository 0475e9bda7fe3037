import type { ConversationSnapshot } from '@chat-cluster/client';

/** The name of a conversation: the title of a group, or the other user. */
export function titleOf({ group, otherUserId }: Pick<ConversationSnapshot, 'group' | 'otherUserId'>): string {
  return group?.title ?? otherUserId ?? '';
}

/** "1 member", "5 members". */
export function memberCountText(count: number): string {
  return count === 1 ? '1 member' : `${count} members`;
}
