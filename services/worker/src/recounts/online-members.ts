import type { ConversationId, UserId } from '@chat-cluster/contracts';
import type { DirtyBadge } from '@chat-cluster/domain';
import type { PresenceReader } from '@chat-cluster/redis';

/** Users in one request to the presence in Redis. */
const USERS_PER_READ = 500;

export interface OnlineMembersPorts {
  /** `membersOf` of the store. */
  membersOf(ids: readonly ConversationId[]): Promise<(readonly UserId[])[]>;
  presence: PresenceReader;
}

/**
 * The badges of the connected members of groups. A user who connects later gets a badge then. Without an answer of the
 * presence all members count as connected.
 */
export async function onlineMembers(
  { membersOf, presence }: OnlineMembersPorts,
  ids: readonly ConversationId[],
): Promise<DirtyBadge[]> {
  const members = await membersOf(ids);
  const users = [...new Set(members.flat())];
  const online = new Set<UserId>();
  for (let from = 0; from < users.length; from += USERS_PER_READ) {
    const some = users.slice(from, from + USERS_PER_READ);
    const connected = await presence.connectedAmong(some).catch(() => some);
    for (const userId of connected) online.add(userId);
  }
  return ids.flatMap((conversationId, i) =>
    (members[i] ?? []).flatMap((userId) => (online.has(userId) ? [{ userId, conversationId }] : [])),
  );
}
