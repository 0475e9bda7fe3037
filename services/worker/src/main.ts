import { recountUnread } from '@chat-cluster/domain';
import {
  createDeadLetters,
  createMessageStore,
  createUnreadCounts,
  openDatabase,
  watchDatabase,
} from '@chat-cluster/postgres';
import {
  announceLanes,
  consumeLane,
  createRecountRequests,
  inboxQueue,
  queueConnection,
  recountQueue,
  sendReply,
  takeDirty,
} from '@chat-cluster/queue';
import { connectRedis, createFanout, createRecentMessages, disconnectRedis, type RedisRole } from '@chat-cluster/redis';
import { announceReady, createLogger, Lifecycle, redactConfig, runMain, serveOps } from '@chat-cluster/runtime';
import { collectDefaultMetrics } from 'prom-client';
import { loadConfig } from './config.ts';
import { createLaneWorker } from './lane-worker.ts';

await runMain(async () => {
  const config = loadConfig(process.env);
  const logger = createLogger({ name: config.WORKER_NAME, level: config.LOG_LEVEL, format: config.LOG_FORMAT });
  const lifecycle = new Lifecycle(logger, config.SHUTDOWN_TIMEOUT_MS);
  logger.info({ config: redactConfig(config) }, 'worker: starting');
  collectDefaultMetrics();

  const redis = async (role: RedisRole) =>
    lifecycle.own(`redis ${role}`, await connectRedis(config.REDIS_URL, role, logger), disconnectRedis);
  const [publish, cache, consume] = [await redis('publish'), await redis('cache'), await redis('consume')];

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
  const watch = lifecycle.own('postgres watch', watchDatabase(db), (watcher) => watcher.stop());

  await announceLanes(consume, config.LANES, logger);
  const connection = queueConnection(consume);
  const recounts = lifecycle.own(
    'recount requests',
    createRecountRequests(consume, connection, config.RECOUNT_LANES),
    (requests) => requests.close(),
  );
  const fanout = createFanout(publish, logger);
  const unread = createUnreadCounts(db);
  for (let lane = 0; lane < config.RECOUNT_LANES; lane++) {
    lifecycle.own(
      recountQueue(lane),
      await consumeLane({
        queue: recountQueue(lane),
        connection,
        logger,
        process: () => takeDirty(consume, lane, (badges) => recountUnread({ unread, fanout }, badges)),
      }),
      (consumer) => consumer.close(),
    );
  }

  const stop = new AbortController();
  const laneWorker = createLaneWorker({
    store: createMessageStore(db),
    deadLetters: createDeadLetters(db),
    fanout,
    recent: createRecentMessages(cache),
    recounts,
    reply: (replyTo, reply) => sendReply(publish, replyTo, reply),
    logger,
    signal: stop.signal,
  });
  const lanes = await Promise.all(
    Array.from({ length: config.LANES }, (_, lane) =>
      consumeLane({ queue: inboxQueue(lane), connection, logger, process: laneWorker }),
    ),
  );
  lifecycle.own('lanes', lanes, (consumers) => Promise.all(consumers.map((consumer) => consumer.close())));
  lifecycle.own('retries in place', stop, (controller) => controller.abort());

  const ops = lifecycle.own(
    'ops listener',
    await serveOps({
      host: config.HOST,
      port: config.ADMIN_PORT,
      readiness: () => {
        const checks = { redis: consume.isReady ? 'ok' : 'away', postgres: watch.check() };
        return { ready: !lifecycle.stopping && checks.redis === 'ok' && checks.postgres === 'ok', checks };
      },
    }),
    (server) => server.close(),
  );
  const address = ops.address();
  const port = typeof address === 'object' && address ? address.port : config.ADMIN_PORT;
  logger.info({ port, lanes: config.LANES }, 'worker: ready');
  announceReady({ type: 'ready', port });
});
