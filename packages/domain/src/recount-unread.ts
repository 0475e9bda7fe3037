import type { DirtyBadge, Fanout, UnreadCounts } from './ports.ts';

/**
 * Recounts the users of `badges` from committed state and tells all their devices. Runs of one user must not overlap
 * (a recount lane sees to it): then the last emit comes from the last count, and no badge stays stale.
 */
export async function recountUnread(
  { unread, fanout }: { unread: UnreadCounts; fanout: Fanout },
  badges: readonly DirtyBadge[],
): Promise<void> {
  const userIds = [...new Set(badges.map((badge) => badge.userId))];
  const conversationIds = [...new Set(badges.map((badge) => badge.conversationId))];
  await fanout.unreadCounts(await unread.recount(userIds, conversationIds));
}
