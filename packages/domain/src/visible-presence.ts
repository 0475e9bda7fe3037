import type { UserId } from '@chat-cluster/contracts';
import type { Contacts } from './ports.ts';

/** Whose presence a user may see: of users who share a conversation with the user, or of all users. */
export type PresencePolicy = 'contacts' | 'anyone';

/**
 * Those of `userIds` whose presence the user may see. A user may always see the own one, and never that of a user who
 * has blocked the user, or that the user has blocked.
 */
export async function visiblePresence(
  { contacts, policy }: { contacts: Contacts; policy: PresencePolicy },
  userId: UserId,
  userIds: readonly UserId[],
): Promise<ReadonlySet<UserId>> {
  const asked = new Set(userIds);
  const self = new Set([userId]);
  const others = [...asked.difference(self)];
  if (others.length === 0) return asked;
  const [visible, blocked] = await Promise.all([
    policy === 'anyone' ? new Set(others) : contacts.contactsAmong(userId, others),
    contacts.blockedAmong(userId, others),
  ]);
  const shown = new Set(visible).difference(blocked);
  return asked.has(userId) ? shown.union(self) : shown;
}
