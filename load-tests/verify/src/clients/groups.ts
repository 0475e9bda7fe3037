import type { GroupAck, Role } from '@chat-cluster/contracts';
import { UserError } from '@chat-cluster/runtime';
import { api, eventually, type GroupCaps, type GroupChangeAttempt, newUser, type Target } from '@chat-cluster/testkit';
import type { Conversation, User } from './users.ts';

/** Defaults of MAX_GROUP_MEMBERS, MAX_GROUPS_PER_USER and MAX_USERS_PER_ADD. */
export const CAPS: GroupCaps = { members: 1_000, groupsPerUser: 1_000, usersPerAdd: 100 };

/** Time for the creation of a group on a busy machine, in ms. */
const CREATE_TIMEOUT_MS = 20_000;

/** A group, as the acknowledged changes have left it. */
export interface Group extends Conversation {
  roles: Map<string, Role>;
  /** Users with devices who are members, or were or will be. */
  candidates: readonly User[];
}

export interface CreatedGroups {
  groups: Group[];
  changes: GroupChangeAttempt[];
}

/**
 * Creates groups of these sizes. Their members are the candidates, without the last one, who may be added later. Users
 * without a device fill them up.
 */
export async function createGroups(
  target: Target,
  { candidates, sizes, now }: { candidates: readonly User[]; sizes: readonly number[]; now(): number },
): Promise<CreatedGroups> {
  const created: CreatedGroups = { groups: [], changes: [] };
  for (const size of sizes) created.groups.push(await createGroup(target, candidates.slice(0, size + 1), size));
  return created;

  async function createGroup(target: Target, candidates: readonly User[], size: number): Promise<Group> {
    const users = candidates.slice(0, Math.min(size, candidates.length - 1));
    const [owner, ...others] = users;
    if (!owner) throw new Error('a group needs two users on the client library');
    const absent = Array.from({ length: size - users.length }, (_, i) => newUser(`absent${i}`));
    const members = [...others.map(({ id }) => id), ...absent];
    const request = async (path: string, change: GroupChangeAttempt['change'] & { userIds: readonly string[] }) => {
      const { type: _, ...body } = change;
      const changeId = `setup-${created.changes.length}`;
      const at = now();
      // Repeated with the same id, because a gateway may be unavailable just after a start or a fault.
      const group = await eventually(() => post(target, owner.id, path, { ...body, changeId }), CREATE_TIMEOUT_MS);
      if (!group) throw new UserError('This version has no groups. Run it without --groups.');
      const outcome = { kind: 'acked', at: now() } as const;
      created.changes.push({ at, by: owner.id, conversationId: group.id, changeId, change, outcome });
      return group.id;
    };
    const first = members.slice(0, CAPS.usersPerAdd);
    const id = await request('/api/groups', { type: 'create', title: `group of ${size}`, userIds: first });
    for (let from = first.length; from < members.length; from += CAPS.usersPerAdd) {
      const userIds = members.slice(from, from + CAPS.usersPerAdd);
      await request(`/api/groups/${id}/members`, { type: 'add', userIds });
    }
    const roles = new Map<string, Role>([[owner.id, 'owner'], ...members.map((id) => [id, 'member'] as const)]);
    return { id, users: users as Conversation['users'], roles, candidates };
  }
}

/** Undefined: there is no such path. */
async function post(
  target: Target,
  userId: string,
  path: string,
  body: object,
): Promise<GroupAck['group'] | undefined> {
  const { status, body: group } = await api<GroupAck['group']>(target, userId, 'POST', path, body);
  if (status === 404) return undefined;
  if (status >= 300) throw new Error(`POST ${path}: ${status} ${JSON.stringify(group)}`);
  return group;
}
