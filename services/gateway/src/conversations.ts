import { type ConversationId, Rejection } from '@chat-cluster/contracts';
import type { Conversations, Participants } from '@chat-cluster/domain';
import type { ConversationStore } from '@chat-cluster/postgres';
import { NaturalBatch } from '@chat-cluster/runtime';
import { LRUCache } from 'lru-cache';

/** About 400 bytes each: 40 MB at the most. */
const KNOWN_CONVERSATIONS = 100_000;

/**
 * Participants at hand: a message of a known conversation asks nobody. Participants of a direct conversation never
 * change, so what is known stays true; an unknown id is not remembered, and many questions at once are one query.
 * Questions for the same id share one answer, so messages that wait for it go on in the order in which they came.
 */
export function createConversations(store: ConversationStore): Conversations {
  const known = new LRUCache<ConversationId, Promise<Participants | undefined>>({ max: KNOWN_CONVERSATIONS });
  const questions = new NaturalBatch<ConversationId, Participants | undefined>({
    run: (ids) => store.participantsOf(ids),
    maxInFlight: 2,
    maxItems: 500,
    maxWaiting: 20_000,
    overflow: () => new Rejection('OVERLOADED', { retryAfterMs: 1_000 }),
  });
  return {
    participantsOf(id) {
      const hit = known.get(id);
      if (hit) return hit;
      const answer = questions.submit(id);
      known.set(id, answer);
      const forget = () => {
        if (known.peek(id) === answer) known.delete(id);
      };
      answer.then((participants) => participants ?? forget(), forget);
      return answer;
    },
    open: (newId, a, b) => store.open(newId, a, b),
  };
}
