import type { DirtyBadge, Fanout, UnreadCounts } from './ports.ts';

/**
 * Users in one recount, at most. With 40 groups each it takes 0.3 s at most (a statement has 5 s); after an outage a lane
 * may have tens of thousands of users.
 */
const MAX_USERS = 1_000;

/**
 * Recounts the users of `badges` from committed state and sends the result to all their devices. Runs for one user must
 * not overlap (recount lanes ensure this): then the last emit has the newest count, and no badge stays wrong.
 */
export async function recountUnread(
  { unread, fanout }: { unread: UnreadCounts; fanout: Fanout },
  badges: readonly DirtyBadge[],
): Promise<void> {
  const byUser = [...Map.groupBy(badges, (badge) => badge.userId)];
  for (let from = 0; from < byUser.length; from += MAX_USERS) {
    const some = byUser.slice(from, from + MAX_USERS);
    const userIds = some.map(([userId]) => userId);
    const conversationIds = new Set(some.flatMap(([, ofUser]) => ofUser.map((badge) => badge.conversationId)));
    await fanout.unreadCounts(await unread.recount(userIds, [...conversationIds]));
  }
}
