import type { DirtyBadge, Fanout, UnreadCounts } from './ports.ts';

/**
 * Recounts the users of `badges` from committed state and sends the result to all their devices. Two runs for one user
 * must not overlap, which recount lanes guarantee: the last emit then has the last count, so no badge stays wrong.
 */
export async function recountUnread(
  { unread, fanout }: { unread: UnreadCounts; fanout: Fanout },
  badges: readonly DirtyBadge[],
): Promise<void> {
  const userIds = [...new Set(badges.map((badge) => badge.userId))];
  const conversationIds = [...new Set(badges.map((badge) => badge.conversationId))];
  await fanout.unreadCounts(await unread.recount(userIds, conversationIds));
}
