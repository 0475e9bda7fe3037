import { type ConversationId, Rejection, type UserId } from '@chat-cluster/contracts';
import type { Conversations, History, KnownConversations, NewestMessages, Participants } from '@chat-cluster/domain';
import type { ConversationStore } from '@chat-cluster/postgres';
import { NaturalBatch } from '@chat-cluster/runtime';
import { LRUCache } from 'lru-cache';

/** About 300 bytes each: 30 MB at the most. */
const KNOWN_CONVERSATIONS = 100_000;

export interface GatewayConversations extends Conversations, KnownConversations {
  /** The same history, from whose answers this one learns who takes part. */
  learnFrom(history: History): History;
}

/**
 * Participants at hand: a message of a known conversation asks nobody. Participants of a direct conversation never
 * change, so what is known stays true; an unknown id is not remembered, and many questions at once are one query.
 * Questions for the same id share one answer, so messages that wait for it go on in the order in which they came; for
 * the same reason a question under way comes before what was learned meanwhile.
 *
 * `known` never asks the store: it has what passed through here, else the newest message in the cache tells.
 */
export function createConversations(store: ConversationStore, recent: NewestMessages): GatewayConversations {
  const known = new LRUCache<ConversationId, Participants>({ max: KNOWN_CONVERSATIONS });
  const asked = new Map<ConversationId, Promise<Participants | undefined>>();
  const questions = new NaturalBatch<ConversationId, Participants | undefined>({
    run: (ids) => store.participantsOf(ids),
    maxInFlight: 2,
    maxItems: 500,
    maxWaiting: 20_000,
    overflow: () => new Rejection('OVERLOADED', { retryAfterMs: 1_000 }),
  });
  const learn = (conversationId: ConversationId, a: UserId, b: UserId = a): Participants => {
    const participants = known.get(conversationId) ?? { conversationId, userIds: a === b ? [a] : [a, b] };
    known.set(conversationId, participants);
    return participants;
  };
  const ask = (id: ConversationId) => {
    const answer = questions
      .submit(id)
      .then((participants) => {
        if (participants) known.set(id, participants);
        return participants;
      })
      .finally(() => asked.delete(id));
    asked.set(id, answer);
    return answer;
  };
  return {
    participantsOf: async (id) => asked.get(id) ?? known.get(id) ?? ask(id),
    async open(newId, a, b) {
      const opened = await store.open(newId, a, b);
      learn(opened.conversation.id, a, b);
      return opened;
    },
    async known(id) {
      const hit = known.get(id);
      if (hit) return hit;
      const newest = await recent.newest(id).catch(() => undefined);
      return newest && learn(id, newest.senderId, newest.receiverId);
    },
    learnFrom: (history) => ({
      range: (id, fromSeq, toSeq) => history.range(id, fromSeq, toSeq),
      async directConversation(userId, otherUserId) {
        const found = await history.directConversation(userId, otherUserId);
        if (found) learn(found.id, userId, otherUserId);
        return found;
      },
      async head(userId, id) {
        const head = await history.head(userId, id);
        const [first, second] = head?.readMarks ?? [];
        if (first) learn(id, first.userId, second?.userId);
        return head;
      },
      async conversations(userId, limit, cursor) {
        const page = await history.conversations(userId, limit, cursor);
        for (const { id, otherUserId } of page.conversations) learn(id, userId, otherUserId);
        return page;
      },
    }),
  };
}
