import { type GroupChangeAttempt, oneOf, type Random } from '@chat-cluster/testkit';
import { clientBackoff, type Device } from './device.ts';
import type { MessageChange, MessagePlace } from './group-actions.ts';
import type { Group } from './groups.ts';
import { type OpenLoop, openLoop } from './open-loop.ts';
import type { Conversation, User } from './users.ts';

/** Edits, deletions and reactions a second, of all users together. */
const CHANGES_PER_SECOND = 8;
/** Changes of members, roles and titles a second, of all groups together. */
const GROUP_CHANGES_PER_SECOND = 3;
const MUTES_PER_SECOND = 0.5;
/** Messages that are changed: the newest ones. */
const RECENT = 100;
const EMOJIS = ['👍', '🎉', ':party:'];
/** Refusals that a change of a message may get: it was deleted meanwhile, or its user is not a member any more. */
const EXPECTED_REFUSALS = ['MESSAGE_NOT_FOUND', 'CONVERSATION_NOT_FOUND', 'FORBIDDEN'];

type GroupChange = GroupChangeAttempt['change'];

/** A stored message and its sender. */
export interface ChangeableMessage {
  conversation: Conversation;
  sender: User;
  seq: number;
}

/**
 * Changes of messages, and of groups. Each is repeated until it is acknowledged or refused permanently. The changes of one
 * group follow one another, and each of them is allowed and has an effect.
 */
export class GroupTraffic {
  #groups: readonly Group[];
  #random: Random;
  #number = 0;
  #recent: ChangeableMessage[] = [];
  /** Groups whose last change has no answer yet. */
  #busy = new Set<Group>();
  #pending = new Set<string>();
  #loops: OpenLoop[] = [];
  #abandoned = false;

  constructor(groups: readonly Group[], random: Random) {
    this.#groups = groups;
    this.#random = random;
  }

  start(): void {
    this.#loops = [
      openLoop(CHANGES_PER_SECOND, () => void this.#changeMessage()),
      openLoop(GROUP_CHANGES_PER_SECOND, () => void this.#changeGroup()),
      openLoop(MUTES_PER_SECOND, () => void this.#mute()),
    ];
  }

  /** A message that may be changed from now on. */
  note(message: ChangeableMessage): void {
    this.#recent.push(message);
    if (this.#recent.length > RECENT) this.#recent.shift();
  }

  /** Ends new changes. Pending ones are repeated. */
  async stop(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.stop()));
  }

  abandon(): void {
    this.#abandoned = true;
  }

  get pending(): string[] {
    return [...this.#pending];
  }

  /** Mentions for a message of the group: of a user, of all, or both. */
  mentions(users: readonly User[]): { mentions?: string[]; mentionsAll?: true } {
    const draw = this.#random();
    const mentions = { mentions: [oneOf(this.#random, users).id] };
    return { ...(draw < 0.15 && mentions), ...(draw > 0.12 && draw < 0.18 && { mentionsAll: true }) };
  }

  async #changeMessage(): Promise<void> {
    if (this.#recent.length === 0) return;
    const message = oneOf(this.#random, this.#recent);
    const { conversation, sender, seq } = message;
    const change = this.#randomChange();
    if (change.type === 'delete') this.#recent = this.#recent.filter((one) => one !== message);
    const user = change.type === 'react' ? oneOf(this.#random, conversation.users) : sender;
    await this.#apply(user, { conversationId: conversation.id, seq }, change);
    // A repetition of an edit, perhaps from another device, has no effect.
    if (change.type === 'edit' && this.#random() < 0.1) {
      await this.#apply(user, { conversationId: conversation.id, seq }, change);
    }
  }

  #randomChange(): MessageChange {
    const draw = this.#random();
    const number = this.#number++;
    if (draw < 0.4) return { type: 'edit', changeId: `e${number}`, content: `edit ${number}` };
    if (draw < 0.55) return { type: 'delete' };
    return { type: 'react', emoji: oneOf(this.#random, EMOJIS), on: this.#random() < 0.7 };
  }

  async #apply(user: User, place: MessagePlace, change: MessageChange): Promise<void> {
    const device = oneOf(this.#random, user.devices);
    const { groups } = device;
    if (!groups) return;
    await this.#repeat(`${change.type} of ${place.conversationId} seq ${place.seq}`, async () => {
      try {
        await groups.change(place, change);
        return true;
      } catch (error) {
        return this.#isFinal(device, error as CodedError, `${change.type} of seq ${place.seq}`, EXPECTED_REFUSALS);
      }
    });
  }

  /** False: it may succeed later. A refusal that is not expected is a problem of the device. */
  #isFinal(device: Device, { code, retryable, message }: CodedError, what: string, expected: string[]): boolean {
    if (retryable) return false;
    if (!expected.includes(code ?? '')) device.problems.push(`${what} was refused: ${code} ${message}`);
    return true;
  }

  async #mute(): Promise<void> {
    const group = oneOf(this.#random, this.#groups);
    const device = oneOf(this.#random, oneOf(this.#random, group.users).devices);
    const muted = this.#random() < 0.5;
    await this.#repeat(`${device.history.id} mutes ${group.id}`, async () => {
      try {
        await device.groups?.mute(group.id, muted);
        return true;
      } catch (error) {
        return this.#isFinal(device, error as CodedError, 'muting', []);
      }
    });
  }

  async #changeGroup(): Promise<void> {
    const group = oneOf(this.#random, this.#groups);
    const chosen = this.#busy.has(group) ? undefined : this.#randomGroupChange(group);
    if (!chosen) return;
    const { by, change } = chosen;
    const changeId = `c${this.#number++}`;
    this.#busy.add(group);
    await this.#repeat(`${change.type} ${changeId} of ${group.id}`, async () => {
      const device = oneOf(this.#random, by.devices);
      const outcome = await device.groups?.changeGroup({ conversationId: group.id, changeId, change });
      if (outcome?.kind === 'acked') applyChange(group, by, change);
      if (outcome?.kind !== 'refused') return outcome?.kind === 'acked';
      return this.#isFinal(device, { ...outcome, message: JSON.stringify(change) }, change.type, []);
    });
    this.#busy.delete(group);
  }

  /** A change that is allowed and has an effect; undefined when there is none of the chosen type. */
  #randomGroupChange({ users, roles, candidates }: Group): { by: User; change: GroupChange } | undefined {
    const draw = this.#random();
    const withRole = (...wanted: string[]) => users.filter(({ id }) => wanted.includes(roles.get(id) ?? ''));
    const absent = candidates.filter((user) => !users.includes(user));
    const [owner] = withRole('owner');
    const [members, admins] = [withRole('member'), withRole('admin')];
    if (!owner) return undefined;
    const manager = oneOf(this.#random, [owner, ...admins]);
    if (draw < 0.2) return { by: manager, change: { type: 'rename', title: `title ${this.#number}` } };
    if (absent.length > 0 && (draw < 0.6 || users.length <= candidates.length / 2)) {
      const { id } = oneOf(this.#random, absent);
      const history = draw < 0.45 ? 'all' : 'none';
      return { by: manager, change: { type: 'add', userIds: [id], history } };
    }
    // With one admin it is known who becomes the owner.
    if (draw < 0.65 && admins.length === 1) return { by: owner, change: { type: 'leave' } };
    const member = members.length > 0 ? oneOf(this.#random, members) : undefined;
    if (draw < 0.75 && member) return { by: member, change: { type: 'leave' } };
    if (draw < 0.9 && member) return { by: manager, change: { type: 'remove', userId: member.id } };
    if (!member) return undefined;
    return admins[0] && draw > 0.95
      ? { by: owner, change: { type: 'role', userId: admins[0].id, role: 'member' } }
      : { by: owner, change: { type: 'role', userId: member.id, role: 'admin' } };
  }

  /** Calls `attempt` until it resolves with true. */
  async #repeat(name: string, attempt: () => Promise<boolean>): Promise<void> {
    const key = `${name} (${this.#number++})`;
    this.#pending.add(key);
    for (let tries = 0; !(await attempt()) && !this.#abandoned; tries++) await clientBackoff(tries, this.#random);
    this.#pending.delete(key);
  }
}

interface CodedError {
  code?: string;
  retryable?: boolean;
  message: string;
}

/** The group after an acknowledged change. */
function applyChange(group: Group, by: User, change: GroupChange): void {
  const { roles } = group;
  for (const userId of change.type === 'add' ? change.userIds : []) roles.set(userId, 'member');
  if (change.type === 'remove') roles.delete(change.userId);
  if (change.type === 'role') roles.set(change.userId, change.role);
  if (change.type === 'leave') {
    const next = [...roles].find(([, role]) => role === 'admin');
    if (roles.get(by.id) === 'owner' && next) roles.set(next[0], 'owner');
    roles.delete(by.id);
  }
  group.users = group.candidates.filter(({ id }) => roles.has(id)) as Group['users'];
}
