import type { Group, GroupChange, Message, Role, SystemEntry, UserId, VisibleHistory } from '@chat-cluster/contracts';
import { FakeRejection } from './errors.ts';
import type { FakeHistory } from './history.ts';
import { closeWindow, newPerson, openWindow, type Person } from './people.ts';
import { idsOf, personOf, type StoredConversation } from './stored.ts';
import { groupView } from './views.ts';

/** Caps of groups, as the settings of a server. */
export interface GroupCaps {
  maxGroupMembers: number;
  maxGroupsPerUser: number;
  maxUsersPerAdd: number;
}

/** What a change of a group has caused. `entry` is absent when it had no effect. */
export interface GroupOutcome {
  conversation: StoredConversation;
  entry?: Message;
  /** Those who receive the entry. */
  to: UserId[];
  /** Users with another view of the group than before. */
  changed: UserId[];
}

/** A copy of the table of the contract, without what every member may do; a test compares them. */
export const PERMISSIONS: Record<
  Role,
  { rename: boolean; add: boolean; remove: readonly Role[]; setRole: boolean; changeAnyMessage: boolean }
> = {
  owner: { rename: true, add: true, remove: ['owner', 'admin', 'member'], setRole: true, changeAnyMessage: true },
  admin: { rename: true, add: true, remove: ['member'], setRole: false, changeAnyMessage: true },
  member: { rename: false, add: false, remove: [], setRole: false, changeAnyMessage: false },
};

/** Creates and changes groups of a fake cluster, with the rights and caps of the real one. */
export class GroupChanges {
  readonly #history: FakeHistory;
  readonly #caps: GroupCaps;
  /** Conversations by their creator and change id. */
  readonly #created = new Map<string, StoredConversation['id']>();

  constructor(history: FakeHistory, caps: GroupCaps) {
    this.#history = history;
    this.#caps = caps;
  }

  create(by: UserId, body: { title: string; userIds: readonly UserId[]; changeId: string | undefined }): GroupOutcome {
    const { title, changeId } = body;
    const key = JSON.stringify([by, changeId]);
    const known = changeId === undefined ? undefined : this.#created.get(key);
    const found = known && this.#history.find(by, known);
    if (found) return { conversation: found, to: [], changed: [] };
    const userIds = [...new Set(body.userIds)].filter((userId) => userId !== by);
    this.#checkCaps(userIds, userIds.length + 1, [by, ...userIds]);
    const conversation = this.#history.create('group', title, [by, ...userIds]);
    if (changeId !== undefined) this.#created.set(key, conversation.id);
    const entry = this.#history.appendEntry(by, conversation, changeId, { type: 'created', title, userIds });
    return { conversation, entry, to: idsOf(conversation), changed: idsOf(conversation) };
  }

  change(by: UserId, id: StoredConversation['id'], change: GroupChange, changeId: string | undefined): GroupOutcome {
    const conversation = this.#history.of(by, id);
    if (conversation.kind !== 'group') throw new FakeRejection('CONVERSATION_NOT_FOUND');
    if (this.#history.entryOf(by, conversation, changeId)) return { conversation, to: [], changed: [] };
    const { role } = this.#history.member(by, conversation);
    const rights = PERMISSIONS[role as Role];
    switch (change.type) {
      case 'rename':
        if (!rights.rename) throw forbidden('rename a group', 'owner or admin');
        return this.#rename(by, conversation, change.title, changeId);
      case 'add':
        if (!rights.add) throw forbidden('add members', 'owner or admin');
        return this.#add(by, conversation, change.userIds, change.history, changeId);
      case 'leave':
        return this.#leave(by, conversation, changeId);
      case 'remove': {
        if (change.userId === by) return this.#leave(by, conversation, changeId);
        const target = this.#target(conversation, change.userId);
        if (!rights.remove.includes(target.role as Role)) throw forbidden('remove this member', 'owner');
        return this.#remove(by, conversation, target, changeId);
      }
      case 'role': {
        if (!rights.setRole) throw forbidden('change roles', 'owner');
        return this.#setRole(by, conversation, this.#target(conversation, change.userId), change.role, changeId);
      }
    }
  }

  #rename(by: UserId, conversation: StoredConversation, title: string, changeId: string | undefined): GroupOutcome {
    if (title === conversation.title) return { conversation, to: [], changed: [] };
    conversation.title = title;
    return this.#entry(by, conversation, changeId, { type: 'renamed', title }, idsOf(conversation));
  }

  #add(
    by: UserId,
    conversation: StoredConversation,
    users: readonly UserId[],
    visible: VisibleHistory,
    changeId: string | undefined,
  ): GroupOutcome {
    const members = idsOf(conversation);
    const userIds = [...new Set(users)].filter((userId) => !members.includes(userId));
    if (userIds.length === 0) return { conversation, to: [], changed: [] };
    this.#checkCaps(userIds, members.length + userIds.length, userIds);
    const outcome = this.#entry(by, conversation, changeId, { type: 'added', userIds }, userIds);
    const { seq, createdAt } = outcome.entry as Message;
    for (const userId of userIds) {
      const fromSeq = firstVisible(conversation, visible, seq);
      const known = conversation.people.find((one) => one.userId === userId);
      const person = known ?? newPerson(userId, 'member', createdAt, fromSeq);
      if (!known) conversation.people.push(person);
      Object.assign(person, { role: 'member', joinedAt: createdAt, upToSeq: seq, deliveredUpTo: seq });
      openWindow(person, fromSeq);
    }
    return { ...outcome, to: idsOf(conversation) };
  }

  #leave(by: UserId, conversation: StoredConversation, changeId: string | undefined): GroupOutcome {
    const person = personOf(conversation, by);
    const others = conversation.people.filter((one) => one.role !== null && one !== person);
    const isLastOwner = person.role === 'owner' && !others.some(({ role }) => role === 'owner');
    const heir = isLastOwner ? (oldest(others, 'admin') ?? oldest(others, 'member')) : undefined;
    const system: SystemEntry = { type: 'left', ...(heir && { newOwnerId: heir.userId }) };
    const outcome = this.#entry(by, conversation, changeId, system, [by, ...(heir ? [heir.userId] : [])]);
    endMembership(conversation, person, outcome);
    if (heir) heir.role = 'owner';
    return outcome;
  }

  #remove(by: UserId, conversation: StoredConversation, target: Person, changeId: string | undefined): GroupOutcome {
    const { userId } = target;
    const outcome = this.#entry(by, conversation, changeId, { type: 'removed', userIds: [userId] }, [userId]);
    endMembership(conversation, target, outcome);
    return outcome;
  }

  #setRole(
    by: UserId,
    conversation: StoredConversation,
    target: Person,
    role: Role,
    changeId: string | undefined,
  ): GroupOutcome {
    if (target.role === role) return { conversation, to: [], changed: [] };
    const owners = conversation.people.filter((one) => one.role === 'owner');
    if (target.role === 'owner' && owners.length === 1) {
      throw new FakeRejection('FORBIDDEN', {
        message: 'The group needs an owner. Make another member the owner first.',
      });
    }
    target.role = role;
    const { userId } = target;
    return this.#entry(by, conversation, changeId, { type: 'role', userIds: [userId], role }, [userId]);
  }

  /** Stores the entry for those who are members at this moment. */
  #entry(
    by: UserId,
    conversation: StoredConversation,
    changeId: string | undefined,
    system: SystemEntry,
    changed: UserId[],
  ): GroupOutcome {
    const to = idsOf(conversation);
    return { conversation, entry: this.#history.appendEntry(by, conversation, changeId, system), to, changed };
  }

  #target(conversation: StoredConversation, userId: UserId): Person {
    const person = conversation.people.find((one) => one.userId === userId && one.role !== null);
    if (!person) throw new FakeRejection('MEMBER_NOT_FOUND');
    return person;
  }

  /** `added`: the users of this request. `members`: their number afterwards. `joining`: those who are in one more group. */
  #checkCaps(added: readonly UserId[], members: number, joining: readonly UserId[]): void {
    const { maxGroupMembers, maxGroupsPerUser, maxUsersPerAdd } = this.#caps;
    if (added.length > maxUsersPerAdd) throw limit(`At most ${maxUsersPerAdd} users at a time (MAX_USERS_PER_ADD).`);
    if (members > maxGroupMembers) throw limit(`A group has at most ${maxGroupMembers} members (MAX_GROUP_MEMBERS).`);
    for (const userId of joining) {
      const groups = this.#history.all(userId).filter((one) => one.kind === 'group' && idsOf(one).includes(userId));
      if (groups.length >= maxGroupsPerUser) {
        throw limit(`A user is in at most ${maxGroupsPerUser} groups (MAX_GROUPS_PER_USER).`);
      }
    }
  }
}

function endMembership(conversation: StoredConversation, person: Person, { entry }: GroupOutcome): void {
  closeWindow(person, entry?.seq ?? 0);
  person.left = { title: conversation.title, memberCount: idsOf(conversation).length };
}

/** The group as an ack has it. */
export function groupAck(userId: UserId, { conversation }: GroupOutcome): { ok: true; group: Group } {
  return { ok: true, group: groupView(userId, conversation) };
}

/** The first entry that a new member sees; `seq` is that of the entry about the new member. */
function firstVisible({ messages }: StoredConversation, visible: VisibleHistory, seq: number): number {
  if (visible === 'all') return 1;
  if (visible === 'none') return seq;
  return messages.find(({ createdAt }) => Date.parse(createdAt) >= Date.parse(visible.since))?.seq ?? seq;
}

function oldest(people: readonly Person[], role: Role): Person | undefined {
  return people.filter((one) => one.role === role).sort((a, b) => (a.joinedAt < b.joinedAt ? -1 : 1))[0];
}

function forbidden(action: string, role: string): FakeRejection {
  return new FakeRejection('FORBIDDEN', { message: `You need the role ${role} to ${action}.` });
}

function limit(message: string): FakeRejection {
  return new FakeRejection('LIMIT_EXCEEDED', { message });
}
