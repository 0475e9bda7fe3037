import type { DirtyBadge, Fanout, UnreadCounts } from './ports.ts';

/**
 * Recounts the users of `badges` from committed state and sends the result to all their devices. Runs for one user must
 * not overlap (recount lanes ensure this): then the last emit has the newest count, and no badge stays wrong.
 */
export async function recountUnread(
  { unread, fanout }: { unread: UnreadCounts; fanout: Fanout },
  badges: readonly DirtyBadge[],
): Promise<void> {
  const userIds = [...new Set(badges.map((badge) => badge.userId))];
  const conversationIds = [...new Set(badges.map((badge) => badge.conversationId))];
  await fanout.unreadCounts(await unread.recount(userIds, conversationIds));
}
