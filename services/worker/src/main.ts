import { recountUnread } from '@chat-cluster/domain';
import {
  awaitSchema,
  createDeadLetters,
  createMessageStore,
  createUnreadAudit,
  createUnreadCounts,
  openDatabase,
  watchDatabase,
} from '@chat-cluster/postgres';
import {
  announceLanes,
  consumeLane,
  createRecountRequests,
  inboxQueue,
  LaneShares,
  laneTelemetry,
  queueServer,
  recountQueue,
  sendReply,
  serverOf,
  takeDirty,
  watchWipe,
} from '@chat-cluster/queue';
import {
  connectPublisher,
  connectRedis,
  createFanout,
  createRecentMessages,
  disconnectRedis,
  type RedisClient,
  type RedisRole,
  redisHealth,
} from '@chat-cluster/redis';
import {
  announceReady,
  createLogger,
  Lifecycle,
  logFirstFailure,
  type OpsPage,
  redactConfig,
  redisServers,
  retry,
  runMain,
  serveOps,
  showDependencies,
  startTracing,
} from '@chat-cluster/runtime';
import { collectDefaultMetrics } from 'prom-client';
import { lanesPage } from './admin/lanes-page.ts';
import { loadConfig } from './config.ts';
import { watchDeadLetters } from './dead-letters/dead-letter-gauge.ts';
import { keepGivenUp } from './dead-letters/keep-given-up.ts';
import { joinStores } from './lanes/join-stores.ts';
import { watchLanes, withShareGauge } from './lanes/lane-gauges.ts';
import { createLaneWorker, JOINED_BATCHES } from './lanes/lane-worker.ts';
import { watchUnread } from './recounts/watch-unread.ts';

await runMain(async () => {
  const config = loadConfig(process.env);
  const logger = createLogger({ name: config.WORKER_NAME, level: config.LOG_LEVEL, format: config.LOG_FORMAT });
  const lifecycle = new Lifecycle(logger, config.SHUTDOWN_TIMEOUT_MS);
  logger.info({ config: redactConfig(config) }, 'worker: starting');
  collectDefaultMetrics();
  const tracing = await startTracing(config, { service: 'chat-worker', instance: config.WORKER_NAME, logger });
  lifecycle.own('tracing', tracing, (traces) => traces.stop());

  const servers = redisServers(config);
  const redis = async (url: string, role: RedisRole) =>
    lifecycle.own(`redis ${role}`, await connectRedis(url, role, logger), disconnectRedis);
  // One connection to a server, whatever it is for: what a batch leaves behind is one write then, not one for each part.
  const connected = new Map<string, Promise<RedisClient>>();
  const quick = (url: string): Promise<RedisClient> => {
    const client = connected.get(url) ?? redis(url, 'publish');
    connected.set(url, client);
    return client;
  };
  const telemetry = await laneTelemetry();
  const queues = await Promise.all(
    servers.queues.map(async (url) => queueServer(await quick(url), await redis(url, 'consume'), telemetry)),
  );
  const cache = await quick(servers.cache);
  const publisher = lifecycle.own(
    'pub/sub',
    await connectPublisher(servers.pubsub, config.REDIS_ADAPTER, logger, quick),
    (pubsub) => pubsub.close(),
  );

  const db = lifecycle.own(
    'postgres',
    openDatabase({
      url: config.DATABASE_URL,
      poolSize: config.PG_POOL_SIZE,
      applicationName: config.WORKER_NAME,
      onError: (error) => logger.warn({ reason: error.message }, 'postgres: an idle connection was lost'),
    }),
    (database) => database.destroy(),
  );
  const admin = { host: config.HOST, port: config.ADMIN_PORT };
  const schema = await awaitSchema(db, { logger, lifecycle, admin });
  const watch = lifecycle.own('postgres watch', watchDatabase(db, logger), (watcher) => watcher.stop());

  const fanout = createFanout(publisher, logger);
  const recounts = lifecycle.own(
    'recount requests',
    createRecountRequests(queues, config.RECOUNT_LANES, () => fanout.gap()),
    (requests) => requests.close(),
  );
  const deadLetters = createDeadLetters(db);
  lifecycle.own('dead letters', watchDeadLetters(deadLetters), (watcher) => watcher.stop());

  const stop = new AbortController();
  const { signal } = stop;
  for (const [index, { client }] of queues.entries()) {
    const announce = () => announceLanes(client, { lanes: config.LANES, index, servers: queues.length }, logger);
    await retry(announce, { onFailure: logFirstFailure(logger, 'lanes') });
    const wipe = watchWipe(client, async () => {
      await announce();
      fanout.gap();
    });
    lifecycle.own('wipe watch', wipe, (watcher) => watcher.stop());
  }
  const unread = createUnreadCounts(db);
  const laneWorker = createLaneWorker({
    store: joinStores(createMessageStore(db)),
    deadLetters,
    fanout,
    recent: createRecentMessages(cache),
    reply: (replyTo, reply) => sendReply(publisher, replyTo, reply),
    logger,
    signal,
  });
  const shares = lifecycle.own('lane shares', new LaneShares(serverOf(0, queues).client), (one) => one.stop());
  const shareOfRecounts = shares.of(config.RECOUNT_LANES);
  const shareOfLanes = shares.of(config.LANES);
  const consumers = await Promise.all([
    ...numbers(config.RECOUNT_LANES).map((lane) => {
      const server = serverOf(lane, queues);
      return consumeLane({
        queue: recountQueue(lane),
        holder: config.WORKER_NAME,
        server,
        share: withShareGauge(recountQueue(lane), shareOfRecounts),
        logger,
        // Wake-ups: one recount answers all that wait.
        join: { weigh: () => 0, maxWeight: 0 },
        process: (_data, hold) =>
          takeDirty(server.client, lane, (badges) => recountUnread({ unread, fanout }, badges), {
            hold,
            logger,
            signal,
          }),
      });
    }),
    ...numbers(config.LANES).map((lane) =>
      consumeLane({
        queue: inboxQueue(lane),
        holder: config.WORKER_NAME,
        server: serverOf(lane, queues),
        share: withShareGauge(inboxQueue(lane), shareOfLanes),
        logger,
        process: laneWorker,
        recounts,
        publishesInOrder: servers.queues[lane % servers.queues.length] === servers.pubsub,
        join: JOINED_BATCHES,
        giveUp: (jobs) => keepGivenUp({ deadLetters, logger, signal }, jobs),
      }),
    ),
  ]);
  lifecycle.own('lanes', consumers, (lanes) => Promise.all(lanes.map((consumer) => consumer.close())));
  for (const [queueOf, count] of [
    [inboxQueue, config.LANES],
    [recountQueue, config.RECOUNT_LANES],
  ] as const) {
    lifecycle.own('lane gauges', watchLanes(queues, queueOf, count), (watcher) => watcher.stop());
  }
  lifecycle.own('retries in place', stop, (controller) => controller.abort());

  if (config.AUDIT_INTERVAL_MS > 0) {
    const audit = watchUnread({
      audit: createUnreadAudit(db),
      recounts,
      redis: cache,
      logger,
      everyMs: config.AUDIT_INTERVAL_MS,
    });
    lifecycle.own('unread audit', audit, (watcher) => watcher.stop());
  }

  showDependencies(() => ({
    redis_pubsub: publisher.answers,
    redis_queue: queues.every(({ client }) => client.pulse.answers),
    redis_cache: cache.pulse.answers,
    postgres: watch.check() === 'ok',
  }));
  const placed = (queueOf: (lane: number) => string, count: number) =>
    numbers(count).map((lane) => ({ lane: queueOf(lane), server: serverOf(lane, queues) }));
  const lanes = [...placed(inboxQueue, config.LANES), ...placed(recountQueue, config.RECOUNT_LANES)];
  const pages: Record<string, OpsPage> = { '/lanes': lanesPage(lanes) };
  if (config.QUEUE_BOARD) {
    const { openQueueBoard } = await import('./admin/queue-board.ts');
    const board = lifecycle.own('queue board', await openQueueBoard(lanes), (one) => one.close());
    pages['/queues'] = board.page;
  }
  const { port } = lifecycle.own(
    'ops listener',
    await serveOps({
      ...admin,
      readiness: () => {
        const redis = redisHealth({
          pubsub: publisher.answers,
          queue: queues.every(({ client }) => client.isReady),
          cache: cache.isReady,
        });
        const checks = { redis, postgres: watch.check(), schema: schema.check() };
        if (lifecycle.stopping) return { ready: false, reason: 'draining', checks };
        if (schema.tooOld) return { ready: false, reason: 'schema', checks };
        return { ready: checks.redis === 'ok' && checks.postgres === 'ok', checks };
      },
      drain: () => lifecycle.end('POST /drain'),
      pages,
    }),
    ({ server }) => server.close(),
  );
  logger.info({ port, lanes: config.LANES }, 'worker: ready');
  announceReady({ type: 'ready', port, adminPort: port });
});

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
