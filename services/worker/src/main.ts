import { randomUUID } from 'node:crypto';
import { writeSnapshots } from '@chat-cluster/cluster-view/snapshots';
import { createDeadLetters, createMemberAudit, createUnreadAudit, schemaBirth } from '@chat-cluster/postgres';
import { createRecountRequests, serverOf, startRegularJob } from '@chat-cluster/queue';
import { awaitOwnRedis, createFanout } from '@chat-cluster/redis';
import { announceReady, runMain, startProcess } from '@chat-cluster/runtime';
import { openAdminListener, showWorker } from './admin/admin-listener.ts';
import { loadConfig, sharedLimits } from './config.ts';
import { connectPostgres, connectRedisServers } from './connect-servers.ts';
import { watchDeadLetters } from './dead-letters/watch-dead-letters.ts';
import { announceLayout } from './lanes/announce-layout.ts';
import { startLanes } from './lanes/start-lanes.ts';
import { auditUnread, UNREAD_AUDIT } from './recounts/audit-unread.ts';

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

  const name = config.WORKER_NAME;
  const own = { id: `${name}:${randomUUID()}`, kind: 'worker', name, limits: sharedLimits(config) } as const;
  const endsWithinMs = config.SHUTDOWN_TIMEOUT_MS;
  const snapshots = writeSnapshots({ cache: redis.cache, process: own, lifecycle, endsWithinMs });

  const fanout = createFanout(redis.publisher, logger);
  // After the lanes have stopped: reactions that wait to be coalesced.
  lifecycle.own('fan-out', fanout, (one) => one.flush());
  const recounts = createRecountRequests(redis.queues, config.RECOUNT_LANES, () => fanout.gap());
  lifecycle.own('recount requests', recounts, (requests) => requests.close());
  const deadLetters = createDeadLetters(db);
  lifecycle.own('dead letters', watchDeadLetters(deadLetters), (watch) => watch.stop());

  await announceLayout(context, redis.queues, fanout);
  const lanes = await startLanes({ ...context, redis, db, fanout, recounts, deadLetters });

  const audits = { audit: createUnreadAudit(db), members: createMemberAudit(db) };
  const audit = startRegularJob({
    name: UNREAD_AUDIT,
    server: serverOf(0, redis.queues),
    everyMs: config.AUDIT_INTERVAL_MS,
    run: () => auditUnread({ ...audits, recounts, redis: redis.cache, logger }),
    logger,
    workerName: config.WORKER_NAME,
  });
  lifecycle.own('unread audit', audit, (job) => job.close());

  await showWorker(context, { redis, postgres, lanes });
  snapshots.ready();
  logger.info({ port, lanes: config.LANES }, 'worker: ready');
  announceReady({ type: 'ready', port, adminPort: port });
});
