import { createDeadLetters, createUnreadAudit, schemaBirth } from '@chat-cluster/postgres';
import { createRecountRequests } from '@chat-cluster/queue';
import { awaitOwnRedis, createFanout } from '@chat-cluster/redis';
import { announceReady, runMain, startProcess } from '@chat-cluster/runtime';
import { openAdminListener, showWorker } from './admin/admin-listener.ts';
import { loadConfig } from './config.ts';
import { connectPostgres, connectRedisServers } from './connect-servers.ts';
import { watchDeadLetters } from './dead-letters/watch-dead-letters.ts';
import { announceLayout } from './lanes/announce-layout.ts';
import { startLanes } from './lanes/start-lanes.ts';
import { watchUnread } from './recounts/watch-unread.ts';

/** Starts a worker, part by part. The lifecycle stops the parts in reverse order. */
await runMain(async () => {
  const config = loadConfig(process.env);
  const { logger, lifecycle } = await startProcess(config, { service: 'worker', name: config.WORKER_NAME });
  const { show, port } = await openAdminListener({ config, logger, lifecycle });
  const context = { config, logger, lifecycle, show };
  const redis = await connectRedisServers(context);
  const postgres = await connectPostgres(context);
  const { db } = postgres;
  await awaitOwnRedis({
    clients: [redis.cache, ...redis.queues.map(({ client }) => client)],
    schemaBirth: () => schemaBirth(db),
    logger,
    lifecycle,
    show,
  });

  const fanout = createFanout(redis.publisher, logger);
  const recounts = createRecountRequests(redis.queues, config.RECOUNT_LANES, () => fanout.gap());
  lifecycle.own('recount requests', recounts, (requests) => requests.close());
  const deadLetters = createDeadLetters(db);
  lifecycle.own('dead letters', watchDeadLetters(deadLetters), (watch) => watch.stop());

  await announceLayout(context, redis.queues, fanout);
  const lanes = await startLanes({ ...context, redis, db, fanout, recounts, deadLetters });

  const { AUDIT_INTERVAL_MS: everyMs } = config;
  if (everyMs > 0) {
    const audit = watchUnread({ audit: createUnreadAudit(db), recounts, redis: redis.cache, logger, everyMs });
    lifecycle.own('unread audit', audit, (watch) => watch.stop());
  }

  await showWorker(context, { redis, postgres, lanes });
  logger.info({ port, lanes: config.LANES }, 'worker: ready');
  announceReady({ type: 'ready', port, adminPort: port });
});
