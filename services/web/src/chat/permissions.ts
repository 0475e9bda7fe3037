import type { Role } from '@chat-cluster/contracts';

interface Permissions {
  rename: boolean;
  add: boolean;
  remove: readonly Role[];
  setRole: boolean;
  changeAnyMessage: boolean;
}

/** What a role may do: a copy of the table of the contract, which loads zod; a test compares them. The server decides. */
export const PERMISSIONS: Readonly<Record<Role, Permissions>> = {
  owner: { rename: true, add: true, remove: ['owner', 'admin', 'member'], setRole: true, changeAnyMessage: true },
  admin: { rename: true, add: true, remove: ['member'], setRole: false, changeAnyMessage: true },
  member: { rename: false, add: false, remove: [], setRole: false, changeAnyMessage: false },
};

/** For direct conversations, and for users who are not in the group any more. */
const NONE = PERMISSIONS.member;

export function permissionsOf(role: Role | null | undefined): Permissions {
  return role ? PERMISSIONS[role] : NONE;
}
