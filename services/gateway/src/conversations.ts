import type { Conversation, ConversationId, GroupOfMember, UserId } from '@chat-cluster/contracts';
import type {
  Contacts,
  Conversations,
  DirectConversation,
  History,
  KnownConversations,
  Membership,
  NewestMessages,
  Participants,
  Settings,
} from '@chat-cluster/domain';
import type { ConversationStore, MembershipRequest, Pair } from '@chat-cluster/postgres';
import type { NaturalBatch } from '@chat-cluster/runtime';
import { LRUCache } from 'lru-cache';
import { batched } from './reads.ts';

/** Conversations whose participants are kept in memory. About 300 bytes each: 30 MB at most. */
const KNOWN_CONVERSATIONS = 100_000;
/** Memberships kept in memory, each of one user in one group. About 400 bytes each: 20 MB at most. */
const KNOWN_MEMBERSHIPS = 50_000;
/** Time for which a membership answers for the store, in ms. The lane decides what the user may do. */
const MEMBERSHIP_MS = 5_000;
/** Pairs of users in one query for contacts. */
const MAX_PAIRS = 10_000;

interface Known {
  participants: Participants;
  /** Undefined: not read yet, or changed since. */
  isBlocked?: boolean | undefined;
}

interface KnownMembership {
  membership: Membership;
  readAt: number;
}

/**
 * A cache of participants in front of the store, so that a message of a known conversation needs no query. Participants
 * of a direct conversation never change. Concurrent lookups are one query. Lookups of one user and id share one result,
 * so that the messages that wait for it continue in the order of their arrival. For the same reason `participantsOf`
 * returns a lookup that is already running, even if the participants became known meanwhile.
 *
 * The cache serves participants only. Other users cause the requests that a conversation that does not exist causes, and
 * never share a lookup with a participant: otherwise the duration of an error would show which conversations exist.
 * A membership is cached for its member only, and briefly. It saves queries and grants nothing: entries of groups are
 * checked in the lane, and every read of a group checks the windows in the store.
 *
 * Contacts are not cached: they are looked up once per watch, and most lookups follow a connect to another gateway.
 */
export class GatewayConversations implements Conversations, KnownConversations, Contacts {
  readonly #store: ConversationStore;
  readonly #recent: NewestMessages;
  readonly #known = new LRUCache<ConversationId, Known>({ max: KNOWN_CONVERSATIONS });
  /** By user and conversation. */
  readonly #memberships = new LRUCache<string, KnownMembership>({ max: KNOWN_MEMBERSHIPS });
  /** By user and conversation. */
  readonly #underWay = new Map<string, Promise<DirectConversation | Membership | undefined>>();
  readonly #lookups: NaturalBatch<ConversationId, Participants | undefined>;
  readonly #membershipLookups: NaturalBatch<MembershipRequest, Membership | undefined>;
  readonly #smallGroups: NaturalBatch<ConversationId, UserId[]>;
  readonly #contacts: NaturalBatch<Pair[], boolean[]>;
  readonly #blocks: NaturalBatch<Pair[], boolean[]>;
  readonly #onCreated: (userIds: UserId[]) => void;
  /** Grows with each change of a block, so that a read that began before is not cached. */
  #blockChanges = 0;

  /** `onCreated` is called with the participants of each conversation that this process creates. */
  constructor(
    store: ConversationStore,
    settings: Pick<Settings, 'areBlocked'>,
    recent: NewestMessages,
    onCreated: (userIds: UserId[]) => void = () => {},
  ) {
    this.#store = store;
    this.#recent = recent;
    this.#lookups = batched((ids) => store.participantsOf(ids), { maxWaiting: 20_000 });
    this.#membershipLookups = batched((requests) => store.membershipsOf(requests), { maxWaiting: 20_000 });
    this.#smallGroups = batched((ids) => store.smallGroups(ids), { maxInFlight: 1, maxWaiting: 5_000 });
    const ofPairs = { maxWeight: MAX_PAIRS, weigh: (pairs: Pair[]) => pairs.length };
    this.#contacts = batched((lists) => inLists((pairs) => store.haveConversations(pairs), lists), ofPairs);
    this.#blocks = batched((lists) => inLists((pairs) => settings.areBlocked(pairs), lists), ofPairs);
    this.#onCreated = onCreated;
  }

  async participantsOf(id: ConversationId, userId: UserId): Promise<DirectConversation | Membership | undefined> {
    return this.#underWay.get(keyOf(id, userId)) ?? this.#cached(id, userId) ?? this.#lookUp(id, userId);
  }

  async open(newId: ConversationId, a: UserId, b: UserId): Promise<{ conversation: Conversation; created: boolean }> {
    const opened = await this.#store.open(newId, a, b);
    this.#learn(opened.conversation.id, a, b);
    if (opened.created) this.#onCreated(opened.conversation.participantIds);
    return opened;
  }

  async find(a: UserId, b: UserId): Promise<Conversation | undefined> {
    const found = await this.#store.find(a, b);
    if (found) this.#learn(found.id, a, b);
    return found;
  }

  async contactsAmong(userId: UserId, userIds: readonly UserId[]): Promise<ReadonlySet<UserId>> {
    return among(this.#contacts, userId, userIds);
  }

  async blockedAmong(userId: UserId, userIds: readonly UserId[]): Promise<ReadonlySet<UserId>> {
    return among(this.#blocks, userId, userIds);
  }

  /** Queries the store only for conversations that this process knows to be those of the user. */
  async known(id: ConversationId, userId: UserId): Promise<readonly UserId[] | undefined> {
    if (this.#memberships.get(keyOf(id, userId))) return this.#membersIfOneOf(id, userId);
    const hit = onlyFor(userId, this.#known.get(id)?.participants) ?? (await this.#newestIn(id, userId));
    if (!hit) return undefined;
    return (await this.#isBlocked(hit)) ? undefined : hit.userIds;
  }

  /** A block between the participants of this conversation was set or removed; undefined: they have none. */
  onBlockChange(id: ConversationId | undefined): void {
    this.#blockChanges++;
    const known = id === undefined ? undefined : this.#known.get(id);
    if (known) known.isBlocked = undefined;
  }

  /** Changes of blocks may have been missed. */
  forgetBlocks(): void {
    this.#blockChanges++;
    for (const known of this.#known.values()) known.isBlocked = undefined;
  }

  /** Wraps a history: the participants in its answers become known. */
  learnFrom(history: History): History {
    return {
      range: (id, fromSeq, toSeq) => history.range(id, fromSeq, toSeq),
      sent: (userId, id, clientMessageId) => history.sent(userId, id, clientMessageId),
      directConversation: async (userId, otherUserId) => {
        const found = await history.directConversation(userId, otherUserId);
        if (found) this.#learn(found.id, userId, otherUserId);
        return found;
      },
      head: async (userId, id) => {
        const head = await history.head(userId, id);
        const [first, second] = head?.readMarks ?? [];
        if (head?.group) this.#learnGroup(id, userId, head.group);
        else if (first) this.#learn(id, first.userId, second?.userId);
        return head;
      },
      conversations: async (userId, limit, cursor) => {
        const page = await history.conversations(userId, limit, cursor);
        for (const conversation of page.conversations) this.#learnFromList(userId, conversation);
        return page;
      },
      feed: async (userId, after, limit) => {
        const slice = await history.feed(userId, after, limit);
        for (const { conversation } of slice.entries) this.#learnFromList(userId, conversation);
        return slice;
      },
    };
  }

  #learnFromList(
    userId: UserId,
    {
      id,
      otherUserId,
      group,
    }: { id: ConversationId; otherUserId?: UserId | undefined; group?: GroupOfMember | undefined },
  ): void {
    if (group) this.#learnGroup(id, userId, group);
    else if (otherUserId !== undefined) this.#learn(id, userId, otherUserId);
  }

  #learn(conversationId: ConversationId, a: UserId, b: UserId = a): Participants {
    const known = this.#known.get(conversationId) ?? {
      participants: { kind: 'direct', conversationId, userIds: a === b ? [a] : [a, b] },
    };
    this.#known.set(conversationId, known);
    return known.participants;
  }

  #learnGroup(conversationId: ConversationId, userId: UserId, { role, memberCount, windows }: GroupOfMember): void {
    this.#rememberMembership(userId, { kind: 'group', conversationId, role, memberCount, windows });
  }

  #rememberMembership(userId: UserId, membership: Membership): void {
    const key = keyOf(membership.conversationId, userId);
    // Of a former member nothing is kept: a typing signal must not find it.
    if (membership.role === null) this.#memberships.delete(key);
    else this.#memberships.set(key, { membership, readAt: performance.now() });
  }

  #cached(id: ConversationId, userId: UserId): DirectConversation | Membership | undefined {
    const known = this.#known.get(id);
    const participants = onlyFor(userId, known?.participants);
    if (participants && known?.isBlocked !== undefined) return { ...participants, isBlocked: known.isBlocked };
    const group = this.#memberships.get(keyOf(id, userId));
    return group && performance.now() - group.readAt < MEMBERSHIP_MS ? group.membership : undefined;
  }

  #lookUp(id: ConversationId, userId: UserId): Promise<DirectConversation | Membership | undefined> {
    const key = keyOf(id, userId);
    const result = this.#find(id, userId).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, result);
    return result;
  }

  async #find(id: ConversationId, userId: UserId): Promise<DirectConversation | Membership | undefined> {
    const participants =
      onlyFor(userId, this.#known.get(id)?.participants) ?? onlyFor(userId, await this.#lookups.submit(id));
    if (participants) {
      if (!this.#known.has(id)) this.#known.set(id, { participants });
      return { ...participants, isBlocked: await this.#isBlocked(participants) };
    }
    const membership = await this.#membershipLookups.submit({ userId, id });
    if (membership) this.#rememberMembership(userId, membership);
    return membership;
  }

  async #isBlocked({ conversationId, userIds: [a, b] }: Participants): Promise<boolean> {
    const known = this.#known.get(conversationId);
    if (known?.isBlocked !== undefined) return known.isBlocked;
    const changes = this.#blockChanges;
    const [isBlocked = false] = b === undefined ? [false] : await this.#blocks.submit([[a, b]]);
    if (known && changes === this.#blockChanges) known.isBlocked = isBlocked;
    return isBlocked;
  }

  async #membersIfOneOf(id: ConversationId, userId: UserId): Promise<readonly UserId[] | undefined> {
    const members = await this.#smallGroups.submit(id);
    return members.includes(userId) ? members : undefined;
  }

  async #newestIn(id: ConversationId, userId: UserId): Promise<Participants | undefined> {
    const newest = await this.#recent.newest(id).catch(() => undefined);
    return newest?.receiverId && onlyFor(userId, this.#learn(id, newest.senderId, newest.receiverId));
  }
}

function keyOf(id: ConversationId, userId: UserId): string {
  return `${id} ${userId}`;
}

function onlyFor(userId: UserId, participants: Participants | undefined): Participants | undefined {
  return participants?.userIds.some((id) => id === userId) ? participants : undefined;
}

async function among(
  pairs: NaturalBatch<Pair[], boolean[]>,
  userId: UserId,
  userIds: readonly UserId[],
): Promise<ReadonlySet<UserId>> {
  const found = await pairs.submit(userIds.map((other) => [userId, other]));
  return new Set(userIds.filter((_, i) => found[i]));
}

async function inLists(find: (pairs: Pair[]) => Promise<boolean[]>, lists: Pair[][]): Promise<boolean[][]> {
  const found = await find(lists.flat());
  let start = 0;
  return lists.map((pairs) => {
    const end = start + pairs.length;
    const part = found.slice(start, end);
    start = end;
    return part;
  });
}
