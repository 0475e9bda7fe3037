import type { DeadLetters, Fanout } from '@chat-cluster/domain';
import { createMessageStore, createUnreadCounts, type Database } from '@chat-cluster/postgres';
import {
  consumeLane,
  inboxLane,
  type LaneConsumer,
  type LaneRecountRequests,
  type LaneShare,
  LaneShares,
  recountLane,
  sendReply,
  serverOf,
} from '@chat-cluster/queue';
import { createRecentMessages } from '@chat-cluster/redis';
import type { Lifecycle, Logger } from '@chat-cluster/runtime';
import type { WorkerConfig } from '../config.ts';
import type { WorkerRedis } from '../connect-redis-servers.ts';
import { keepGivenUp } from '../dead-letters/keep-given-up.ts';
import { RecountProcessor } from '../recounts/recount-processor.ts';
import { InboxProcessor } from './inbox-processor.ts';
import { joinStores } from './join-stores.ts';
import { type PlacedLane, placeLanes } from './place-lanes.ts';
import { watchLanes, withShareGauge } from './watch-lanes.ts';

export interface LaneParts {
  redis: WorkerRedis;
  db: Database;
  fanout: Fanout;
  recounts: LaneRecountRequests;
  deadLetters: DeadLetters;
  logger: Logger;
  lifecycle: Lifecycle;
}

/** Starts a consumer for each inbox lane and each recount lane. Resolves with all lanes. */
export async function startLanes(config: WorkerConfig, parts: LaneParts): Promise<PlacedLane[]> {
  const { redis, lifecycle } = parts;
  const inboxLanes = placeLanes(config.LANES, inboxLane, redis.queues);
  const recountLanes = placeLanes(config.RECOUNT_LANES, recountLane, redis.queues);
  const lanes = [...inboxLanes, ...recountLanes];
  const shares = lifecycle.own('lane shares', new LaneShares(serverOf(0, redis.queues).client), (one) => one.stop());
  const stop = new AbortController();
  const common = { workerName: config.WORKER_NAME, signal: stop.signal };
  const consumers = await Promise.all([
    ...consumeRecountLanes(recountLanes, parts, { ...common, share: shares.shareOf(recountLanes.length) }),
    ...consumeInboxLanes(inboxLanes, parts, { ...common, share: shares.shareOf(inboxLanes.length) }),
  ]);
  lifecycle.own('lanes', consumers, (all) => Promise.all(all.map((consumer) => consumer.close())));
  lifecycle.own('lane gauges', watchLanes(lanes), (watch) => watch.stop());
  // The last one, so that it stops before the lanes: a lane cannot close while its processor repeats in place.
  lifecycle.own('retries in place', stop, (controller) => controller.abort());
  return lanes;
}

interface ConsumeOptions {
  workerName: string;
  share: LaneShare;
  /** Ends what processors repeat in place. */
  signal: AbortSignal;
}

function consumeInboxLanes(
  lanes: readonly PlacedLane[],
  { redis, db, fanout, recounts, deadLetters, logger }: LaneParts,
  { workerName, share, signal }: ConsumeOptions,
): Promise<LaneConsumer>[] {
  const processor = new InboxProcessor({
    store: joinStores(createMessageStore(db)),
    deadLetters,
    fanout,
    recent: createRecentMessages(redis.cache),
    reply: (replyTo, reply) => sendReply(redis.publisher, replyTo, reply),
    logger,
    signal,
  });
  return lanes.map(({ lane, server }) =>
    consumeLane({
      lane,
      server,
      logger,
      processor,
      recounts,
      publishesInOrder: server === redis.publishingQueue,
      workerName,
      share: withShareGauge(lane, share),
      keepGivenUp: (batches) => keepGivenUp({ deadLetters, logger, signal }, batches),
    }),
  );
}

function consumeRecountLanes(
  lanes: readonly PlacedLane[],
  { db, fanout, logger }: LaneParts,
  { workerName, share, signal }: ConsumeOptions,
): Promise<LaneConsumer>[] {
  const unread = createUnreadCounts(db);
  return lanes.map(({ lane, laneNumber, server }) =>
    consumeLane({
      lane,
      server,
      logger,
      processor: new RecountProcessor({ client: server.client, laneNumber, unread, fanout, logger, signal }),
      workerName,
      share: withShareGauge(lane, share),
    }),
  );
}
