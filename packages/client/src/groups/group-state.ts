import type { GroupOfMember, Message, Role, UserId } from '@chat-cluster/contracts';

/** The group without the fields that only `GET /api/groups/:id` has. */
export function ofMember({ title, role, memberCount, windows }: GroupOfMember): GroupOfMember {
  return { title, role, memberCount, windows };
}

/** The group after one of its entries. Windows come with `conversation_changed` and `sync`. */
export function afterEntry(
  group: GroupOfMember,
  { system, senderId }: Message,
  userId: UserId | undefined,
): GroupOfMember {
  switch (system?.type) {
    case 'renamed':
      return { ...group, title: system.title };
    case 'added':
      return { ...group, memberCount: group.memberCount + system.userIds.length };
    case 'removed':
      return without(group, system.userIds, userId);
    case 'left':
      return withRole(without(group, [senderId], userId), [system.newOwnerId], userId, 'owner');
    case 'role':
      return withRole(group, system.userIds, userId, system.role);
    default:
      return group;
  }
}

/** The message mentions the user. */
export function isMentioned({ mentions, mentionsAll }: Message, userId: UserId | undefined): boolean {
  return mentionsAll ?? mentions?.includes(userId as UserId) ?? false;
}

function without(group: GroupOfMember, users: readonly UserId[], userId: UserId | undefined): GroupOfMember {
  const memberCount = Math.max(0, group.memberCount - users.length);
  return { ...group, memberCount, role: users.includes(userId as UserId) ? null : group.role };
}

function withRole(
  group: GroupOfMember,
  users: readonly (UserId | undefined)[],
  userId: UserId | undefined,
  role: Role,
): GroupOfMember {
  return users.includes(userId) ? { ...group, role } : group;
}
