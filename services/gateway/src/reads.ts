import { LIMITS, Rejection, type UserId } from '@chat-cluster/contracts';
import type { ConversationHead, History, UnreadCounts, UnreadSummary } from '@chat-cluster/domain';
import type { HeadRequest, HistoryStore, SeqRange } from '@chat-cluster/postgres';
import { NaturalBatch } from '@chat-cluster/runtime';

/**
 * Reads of single users made into queries for many: in a storm of reconnects the questions of hundreds of devices share
 * a query, and what cannot be answered soon is refused with OVERLOADED instead of piling up in front of Postgres.
 */
export function createReads(
  store: HistoryStore,
  unread: UnreadCounts,
): { history: History; unreadOf(userId: UserId): Promise<UnreadSummary> } {
  const heads = batched<HeadRequest, ConversationHead | undefined>((questions) => store.heads(questions));
  const summaries = batched<UserId, UnreadSummary>((userIds) => unread.summaries(userIds));
  const ranges = batched<SeqRange, Awaited<ReturnType<History['range']>>>((runs) => store.ranges(runs), {
    // Rows of one query: four full answers to `sync`. A row is up to 30 kB, so this bounds memory and time as well.
    maxWeight: 4 * LIMITS.maxSyncSize,
    weigh: ({ fromSeq, toSeq }) => toSeq - fromSeq + 1,
  });
  return {
    history: {
      directConversation: (userId, otherUserId) => store.directConversation(userId, otherUserId),
      conversations: (userId, limit, cursor) => store.conversations(userId, limit, cursor),
      head: (userId, id) => heads.submit({ userId, id }),
      range: (id, fromSeq, toSeq) => ranges.submit({ id, fromSeq, toSeq }),
    },
    unreadOf: (userId) => summaries.submit(userId),
  };
}

/** Queries of one kind that run at once: with three kinds below twice the pool, so none can starve the others for long. */
const IN_FLIGHT = 2;
const MAX_ITEMS = 500;
/** Questions that wait for their query: those of 500 devices that sync 100 conversations each. */
const MAX_WAITING = 50_000;

function batched<In, Out>(
  run: (items: In[]) => Promise<Out[]>,
  weight: { maxWeight?: number; weigh?(item: In): number } = {},
): NaturalBatch<In, Out> {
  return new NaturalBatch<In, Out>({
    run,
    maxInFlight: IN_FLIGHT,
    maxItems: MAX_ITEMS,
    maxWaiting: MAX_WAITING,
    overflow: () => new Rejection('OVERLOADED', { retryAfterMs: 1_000 }),
    ...weight,
  });
}
