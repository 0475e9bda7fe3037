import { LIMITS, Rejection, type UserId } from '@chat-cluster/contracts';
import type { ConversationHead, FeedSlice, History, UnreadCounts, UnreadSummary } from '@chat-cluster/domain';
import type { FeedRequest, HeadRequest, HistoryStore, SeqRange } from '@chat-cluster/postgres';
import { NaturalBatch, type NaturalBatchOptions } from '@chat-cluster/runtime';

/**
 * Combines the reads of single users into queries: in a storm of reconnects the reads of hundreds of devices share a
 * query, and a read that cannot be answered soon is rejected with OVERLOADED instead of piling up in front of Postgres.
 */
export function createReads(store: HistoryStore, unread: UnreadCounts) {
  const heads = batched<HeadRequest, ConversationHead | undefined>((requests) => store.heads(requests));
  const summaries = batched<UserId, UnreadSummary>((userIds) => unread.summaries(userIds));
  const ranges = batched<SeqRange, Awaited<ReturnType<History['range']>>>((runs) => store.ranges(runs), {
    // Rows of one query: four full answers to `sync`. A row has up to 30 kB, so this also bounds memory and time.
    maxWeight: 4 * LIMITS.maxSyncSize,
    weigh: ({ fromSeq, toSeq }) => toSeq - fromSeq + 1,
  });
  const feeds = batched<FeedRequest, FeedSlice>((requests) => store.feeds(requests), {
    // A feed reads all conversations of its user, so feeds never take a second connection from cheaper reads.
    maxInFlight: 1,
    // Up to 101 conversations each, with a message: about as many rows as those of `ranges`.
    maxItems: 20,
    maxWaiting: 5_000,
    maxWaitMs: 2_000,
  });
  const history: History = {
    directConversation: (userId, otherUserId) => store.directConversation(userId, otherUserId),
    conversations: (userId, limit, cursor) => store.conversations(userId, limit, cursor),
    feed: (userId, after, limit) => feeds.submit({ userId, after, limit }),
    head: (userId, id) => heads.submit({ userId, id }),
    range: (id, fromSeq, toSeq) => ranges.submit({ id, fromSeq, toSeq }),
    sent: (userId, id, clientMessageId) => store.sent(userId, id, clientMessageId),
  };
  return { history, unreadOf: (userId: UserId) => summaries.submit(userId) };
}

/** Combines up to 500 concurrent reads of one kind into a query. */
export function batched<In, Out>(
  run: (items: In[]) => Promise<Out[]>,
  limits: Partial<NaturalBatchOptions<In, Out>> = {},
): NaturalBatch<In, Out> {
  return new NaturalBatch<In, Out>({
    run,
    // All kinds in `createReads` together use less than twice the pool, so each kind gets connections soon.
    maxInFlight: 2,
    maxItems: 500,
    // The reads of 500 devices that sync 100 conversations each.
    maxWaiting: 50_000,
    overflow: () => new Rejection('OVERLOADED', { retryAfterMs: 1_000 }),
    ...limits,
  });
}
