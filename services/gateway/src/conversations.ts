import type { Conversation, ConversationId, UserId } from '@chat-cluster/contracts';
import type {
  Contacts,
  Conversations,
  History,
  KnownConversations,
  NewestMessages,
  Participants,
} from '@chat-cluster/domain';
import type { ConversationStore, Pair } from '@chat-cluster/postgres';
import type { NaturalBatch } from '@chat-cluster/runtime';
import { LRUCache } from 'lru-cache';
import { batched } from './reads.ts';

/** Conversations whose participants are kept in memory. About 300 bytes each: 30 MB at most. */
const KNOWN_CONVERSATIONS = 100_000;
/** Pairs of users in one query for contacts. */
const MAX_PAIRS = 10_000;

/**
 * A cache of participants in front of the store, so that a message of a known conversation needs no query. Participants
 * of a direct conversation never change. Concurrent lookups are one query. Lookups of one user and id share one result,
 * so that the messages that wait for it continue in the order of their arrival. For the same reason `participantsOf`
 * returns a lookup that is already running, even if the participants became known meanwhile.
 *
 * The cache serves participants only. Other users cause the requests that a conversation that does not exist causes, and
 * never share a lookup with a participant: otherwise the duration of an error would show which conversations exist.
 *
 * Contacts are not cached: they are looked up once per watch, and most lookups follow a connect to another gateway.
 */
export class GatewayConversations implements Conversations, KnownConversations, Contacts {
  readonly #store: ConversationStore;
  readonly #recent: NewestMessages;
  readonly #known = new LRUCache<ConversationId, Participants>({ max: KNOWN_CONVERSATIONS });
  /** By user and conversation. */
  readonly #underWay = new Map<string, Promise<Participants | undefined>>();
  readonly #lookups: NaturalBatch<ConversationId, Participants | undefined>;
  readonly #contacts: NaturalBatch<Pair[], boolean[]>;
  readonly #onCreated: (userIds: UserId[]) => void;

  /** `onCreated` is called with the participants of each conversation that this process creates. */
  constructor(store: ConversationStore, recent: NewestMessages, onCreated: (userIds: UserId[]) => void = () => {}) {
    this.#store = store;
    this.#recent = recent;
    this.#lookups = batched((ids) => store.participantsOf(ids), { maxWaiting: 20_000 });
    this.#contacts = batched((lists) => findInLists(store, lists), {
      maxWeight: MAX_PAIRS,
      weigh: (pairs) => pairs.length,
    });
    this.#onCreated = onCreated;
  }

  async participantsOf(id: ConversationId, userId: UserId): Promise<Participants | undefined> {
    return this.#underWay.get(keyOf(id, userId)) ?? onlyFor(userId, this.#known.get(id)) ?? this.#lookUp(id, userId);
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
    const shared = await this.#contacts.submit(userIds.map((other) => [userId, other]));
    return new Set(userIds.filter((_, i) => shared[i]));
  }

  /** Never queries the store: returns participants in memory, or those of the newest message in the Redis cache. */
  async known(id: ConversationId, userId: UserId): Promise<Participants | undefined> {
    const hit = onlyFor(userId, this.#known.get(id));
    if (hit) return hit;
    const newest = await this.#recent.newest(id).catch(() => undefined);
    return newest && onlyFor(userId, this.#learn(id, newest.senderId, newest.receiverId));
  }

  /** Wraps a history: the participants in its answers become known. */
  learnFrom(history: History): History {
    return {
      range: (id, fromSeq, toSeq) => history.range(id, fromSeq, toSeq),
      directConversation: async (userId, otherUserId) => {
        const found = await history.directConversation(userId, otherUserId);
        if (found) this.#learn(found.id, userId, otherUserId);
        return found;
      },
      head: async (userId, id) => {
        const head = await history.head(userId, id);
        const [first, second] = head?.readMarks ?? [];
        if (first) this.#learn(id, first.userId, second?.userId);
        return head;
      },
      conversations: async (userId, limit, cursor) => {
        const page = await history.conversations(userId, limit, cursor);
        for (const { id, otherUserId } of page.conversations) this.#learn(id, userId, otherUserId);
        return page;
      },
      feed: async (userId, after, limit) => {
        const slice = await history.feed(userId, after, limit);
        for (const { conversation } of slice.entries) this.#learn(conversation.id, userId, conversation.otherUserId);
        return slice;
      },
    };
  }

  #learn(conversationId: ConversationId, a: UserId, b: UserId = a): Participants {
    const participants = this.#known.get(conversationId) ?? { conversationId, userIds: a === b ? [a] : [a, b] };
    this.#known.set(conversationId, participants);
    return participants;
  }

  #lookUp(id: ConversationId, userId: UserId): Promise<Participants | undefined> {
    const key = keyOf(id, userId);
    const result = this.#lookups
      .submit(id)
      .then((participants) => {
        if (participants) this.#known.set(id, participants);
        return onlyFor(userId, participants);
      })
      .finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, result);
    return result;
  }
}

function keyOf(id: ConversationId, userId: UserId): string {
  return `${id} ${userId}`;
}

function onlyFor(userId: UserId, participants: Participants | undefined): Participants | undefined {
  return participants?.userIds.some((id) => id === userId) ? participants : undefined;
}

async function findInLists(store: ConversationStore, lists: Pair[][]): Promise<boolean[][]> {
  const found = await store.haveConversations(lists.flat());
  let start = 0;
  return lists.map((pairs) => {
    const end = start + pairs.length;
    const part = found.slice(start, end);
    start = end;
    return part;
  });
}
