import type { GroupRules } from '@chat-cluster/postgres';

/** The defaults of a worker. */
export const GROUP_RULES: GroupRules = {
  maxGroupMembers: 1_000,
  maxGroupsPerUser: 1_000,
  maxUsersPerAdd: 1_000,
  editWindowMs: 900_000,
  deleteWindowMs: 900_000,
};
