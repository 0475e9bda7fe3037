import type { ConversationFanout, DeadLetters, Fanout } from '@chat-cluster/domain';
import {
  createConversationWrites,
  createMessageStore,
  createUnreadCounts,
  type Database,
  type GroupRules,
  MemberLists,
} from '@chat-cluster/postgres';
import {
  consumeLane,
  inboxLane,
  type LaneConsumer,
  type LaneRecountRequests,
  type LaneShare,
  LaneShares,
  recountGroups,
  recountLane,
  sendReply,
  serverOf,
} from '@chat-cluster/queue';
import { createPresenceReader, createRecentMessages } from '@chat-cluster/redis';
import type { WorkerConfig } from '../config.ts';
import type { Context, RedisConnections } from '../connect-servers.ts';
import { keepGivenUp } from '../dead-letters/keep-dead-letters.ts';
import { onlineMembers } from '../recounts/online-members.ts';
import { createRecountProcessor } from '../recounts/recount-processor.ts';
import { createInboxProcessor } from './inbox-processor.ts';
import { joinStores } from './join-stores.ts';
import { type PlacedLane, placeLanes } from './place-lanes.ts';
import { watchLanes, withShareGauge } from './watch-lanes.ts';

export interface LaneParts extends Context {
  redis: RedisConnections;
  db: Database;
  fanout: Fanout & ConversationFanout;
  recounts: LaneRecountRequests;
  deadLetters: DeadLetters;
}

/** Starts a consumer for each inbox lane and each recount lane. Resolves with all lanes. */
export async function startLanes(parts: LaneParts): Promise<PlacedLane[]> {
  const { config, lifecycle, redis } = parts;
  const inboxLanes = placeLanes(config.LANES, inboxLane, redis.queues);
  const recountLanes = placeLanes(config.RECOUNT_LANES, recountLane, redis.queues);
  const lanes = [...inboxLanes, ...recountLanes];
  const shares = lifecycle.own('lane shares', new LaneShares(serverOf(0, redis.queues).client), (one) => one.stop());
  const stop = new AbortController();
  const lists = new MemberLists();
  const consumers = await Promise.all([
    ...consumeRecountLanes(recountLanes, shares.shareOf(recountLanes.length), stop.signal, parts),
    ...consumeInboxLanes(inboxLanes, shares.shareOf(inboxLanes.length), stop.signal, lists, parts),
  ]);
  lifecycle.own('lanes', consumers, (all) => Promise.all(all.map((consumer) => consumer.close())));
  lifecycle.own('group badges', startGroupBadges(lists, parts), (badges) => badges.stop());
  lifecycle.own('lane gauges', watchLanes(lanes), (watch) => watch.stop());
  // Owned last, so that this stops before the lanes: a lane cannot close while its processor repeats a store.
  lifecycle.own('retries in place', stop, (controller) => controller.abort());
  return lanes;
}

/** Recounts the connected members of groups with new messages. */
function startGroupBadges(lists: MemberLists, { db, redis, recounts, logger }: LaneParts) {
  const presence = createPresenceReader(redis.cache);
  return recountGroups({
    servers: redis.queues,
    badgesOf: (ids) => onlineMembers({ presence, membersOf: (all) => lists.current(db, all) }, ids),
    request: (badges) => recounts.request(badges),
    onFailure: (error) => logger.debug({ reason: String(error) }, 'group badges: a round failed and will be repeated'),
  });
}

function consumeInboxLanes(
  lanes: readonly PlacedLane[],
  share: LaneShare,
  signal: AbortSignal,
  lists: MemberLists,
  { config, redis, db, fanout, recounts, deadLetters, logger }: LaneParts,
): Promise<LaneConsumer>[] {
  const processor = createInboxProcessor({
    store: joinStores(createMessageStore(db)),
    writes: createConversationWrites(db, rulesOf(config), lists),
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
      workerName: config.WORKER_NAME,
      share: withShareGauge(lane, share),
      keepGivenUp: (batches) => keepGivenUp({ deadLetters, logger, signal }, batches),
    }),
  );
}

function consumeRecountLanes(
  lanes: readonly PlacedLane[],
  share: LaneShare,
  signal: AbortSignal,
  { config, db, fanout, logger }: LaneParts,
): Promise<LaneConsumer>[] {
  const unread = createUnreadCounts(db);
  return lanes.map(({ lane, laneNumber, server }) =>
    consumeLane({
      lane,
      server,
      logger,
      processor: createRecountProcessor({ client: server.client, laneNumber, unread, fanout, logger, signal }),
      workerName: config.WORKER_NAME,
      share: withShareGauge(lane, share),
    }),
  );
}

function rulesOf(config: WorkerConfig): GroupRules {
  return {
    maxGroupMembers: config.MAX_GROUP_MEMBERS,
    maxGroupsPerUser: config.MAX_GROUPS_PER_USER,
    maxUsersPerAdd: config.MAX_USERS_PER_ADD,
    editWindowMs: config.EDIT_WINDOW_MS,
    deleteWindowMs: config.DELETE_WINDOW_MS,
  };
}
