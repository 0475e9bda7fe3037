import type { UserId } from '@chat-cluster/contracts';
import type { Contacts } from './ports.ts';

/** Whose presence a user may see: of users who share a conversation with the user, or of all users. */
export type PresencePolicy = 'contacts' | 'anyone';

/** Those of `userIds` whose presence the user may see. A user may always see the own one. */
export async function visiblePresence(
  { contacts, policy }: { contacts: Contacts; policy: PresencePolicy },
  userId: UserId,
  userIds: readonly UserId[],
): Promise<ReadonlySet<UserId>> {
  const asked = new Set(userIds);
  if (policy === 'anyone') return asked;
  const self = new Set([userId]);
  const others = asked.difference(self);
  const visible = others.size === 0 ? new Set<UserId>() : await contacts.contactsAmong(userId, [...others]);
  return asked.has(userId) ? visible.union(self) : visible;
}
