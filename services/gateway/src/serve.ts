import cluster from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import {
  awaitSchema,
  createConversationStore,
  createHistory,
  createUnreadCounts,
  openDatabase,
  watchDatabase,
} from '@chat-cluster/postgres';
// Not by the package's index: that loads BullMQ, 240 files of which a gateway needs none.
import { announceLanes, createInbox, ReplyReceiver } from '@chat-cluster/queue/producer';
import {
  connectPubSub,
  connectRedis,
  createEphemeralEmitter,
  createGatewayAdapter,
  createPresence,
  createRecentMessages,
  disconnectRedis,
  joinGatewayRegistry,
  type RedisRole,
  redisHealth,
} from '@chat-cluster/redis';
import {
  announceReady,
  createLogger,
  Lifecycle,
  logFirstFailure,
  type Readiness,
  redactConfig,
  redisServers,
  retry,
  serveOps,
  showDependencies,
  startTracing,
} from '@chat-cluster/runtime';
import { collectDefaultMetrics, Histogram } from 'prom-client';
import { createAuthenticator } from './authenticate.ts';
import { obeySupervisor } from './cluster/fork-drain.ts';
import { answerMetricsRequests } from './cluster/fork-metrics.ts';
import { HTTP_DEADLINES, listen } from './cluster/listen.ts';
import { bindSessions } from './cluster/sticky.ts';
import { type GatewayConfig, longestEndMs } from './config.ts';
import { createConversations } from './conversations.ts';
import { createDrain } from './drain.ts';
import { createHttpApp } from './http/app.ts';
import { createRateLimit } from './http/rate-limit.ts';
import { type RequestsUnderWay, watchRequests } from './http/requests-under-way.ts';
import { createReads } from './reads.ts';
import { rejectWhenUnavailable } from './reject-when-unavailable.ts';
import { sessionIdsOf, watchAffinity } from './socket/connect/affinity.ts';
import { welcomeConnections } from './socket/connect/connection.ts';
import { dispatchEvents } from './socket/events/dispatch.ts';
import { messageEvents } from './socket/events/message-events.ts';
import { presenceEvents } from './socket/events/presence-events.ts';
import { syncEvent } from './socket/events/sync-event.ts';
import { typingEvent } from './socket/events/typing-event.ts';
import { type ChatServer, createSocketServer } from './socket/server.ts';
import { connectionsOf, cut } from './socket/transport/slow-consumer.ts';
import { version } from './version.ts';

const requests = new Histogram({
  name: 'chat_http_request_duration_seconds',
  help: 'HTTP requests by route',
  labelNames: ['route', 'method', 'status'],
  buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 10],
});

/** One gateway process: everything it owns, in the order in which it starts; stopped in reverse. */
export async function serve(config: GatewayConfig): Promise<void> {
  const gatewayId = config.GATEWAY_NAME;
  const logger = createLogger({ name: gatewayId, level: config.LOG_LEVEL, format: config.LOG_FORMAT });
  const lifecycle = new Lifecycle(logger, config.SHUTDOWN_TIMEOUT_MS);
  if (cluster.isWorker) {
    obeySupervisor(lifecycle);
    answerMetricsRequests();
  }
  logger.info({ config: redactConfig({ ...config }) }, 'gateway: starting');
  collectDefaultMetrics();
  const tracing = await startTracing(config, { service: 'chat-gateway', instance: gatewayId, logger });
  lifecycle.own('tracing', tracing, (traces) => traces.stop());

  const db = lifecycle.own(
    'postgres',
    openDatabase({
      url: config.DATABASE_URL,
      poolSize: config.PG_POOL_SIZE,
      applicationName: gatewayId,
      onError: (error) => logger.warn({ reason: error.message }, 'postgres: an idle connection was lost'),
    }),
    (database) => database.destroy(),
  );
  const admin = cluster.isWorker ? {} : { admin: { host: config.HOST, port: config.ADMIN_PORT } };
  const schema = await awaitSchema(db, { logger, lifecycle, ...admin });
  const watch = lifecycle.own('postgres watch', watchDatabase(db, logger), (watcher) => watcher.stop());
  const servers = redisServers(config);
  const redis = async (url: string, role: RedisRole) =>
    lifecycle.own(`redis ${role}`, await connectRedis(url, role, logger), disconnectRedis);
  const { publisher, subscriber } = lifecycle.own(
    'pub/sub',
    await connectPubSub(servers.pubsub, config.REDIS_ADAPTER, logger),
    (pubsub) => pubsub.close(),
  );
  const cache = await redis(servers.cache, 'cache');
  const queues = await Promise.all(servers.queues.map(async (url) => ({ client: await redis(url, 'produce') })));
  // Unique for each life of the process: what was meant for the one before it must not reach this one.
  const processId = `${gatewayId}:${randomUUID()}`;
  const registry = lifecycle.own('registry', await joinGatewayRegistry(cache, processId, logger), (one) => one.stop());

  for (const [index, { client }] of queues.entries()) {
    const layout = { lanes: config.LANES, index, servers: queues.length };
    await retry(() => announceLanes(client, layout, logger), { onFailure: logFirstFailure(logger, 'lanes') });
  }
  const replies = new ReplyReceiver(subscriber, processId, logger);
  await replies.start();
  lifecycle.own('replies', replies, (receiver) => receiver.stop());
  const inbox = createInbox({ lanes: config.LANES, servers: queues, replies });

  showDependencies(() => ({
    redis_pubsub: replies.pulse.answers && publisher.answers,
    redis_queue: queues.every(({ client }) => client.pulse.answers),
    redis_cache: cache.pulse.answers,
    postgres: watch.check() === 'ok',
  }));

  const recent = createRecentMessages(cache);
  const conversations = createConversations(rejectWhenUnavailable(createConversationStore(db)), recent);
  const reads = createReads(rejectWhenUnavailable(createHistory(db)), rejectWhenUnavailable(createUnreadCounts(db)));
  const history = conversations.learnFrom(reads.history);
  const { unreadOf } = reads;
  const authenticate = createAuthenticator(config);
  const readiness = (): Readiness => {
    const checks = {
      redis: redisHealth({
        pubsub: replies.pulse.answers && publisher.answers,
        queue: queues.every(({ client }) => client.pulse.answers),
        cache: cache.pulse.answers,
      }),
      postgres: watch.check(),
      schema: schema.check(),
    };
    if (lifecycle.stopping) return { ready: false, reason: 'draining', checks };
    if (schema.tooOld) return { ready: false, reason: 'schema', checks };
    // A shared outage must not take every gateway out of the load balancer at once: it is shown, but stays ready.
    return { ready: true, checks };
  };
  const app = createHttpApp({
    authenticate: (token) => authenticate(token).userId,
    limitRate: createRateLimit(config.HTTP_RATE_LIMIT_PER_SECOND, config.HTTP_RATE_LIMIT_BURST),
    conversations,
    history,
    recent,
    inbox,
    allowedOrigins: config.ALLOWED_ORIGINS,
    gatewayId,
    version,
    isReady: readiness,
    onFault: (error, request) =>
      logger.error({ err: error, method: request.method, route: request.route?.path }, 'http: a fault'),
    observe: (route, method, status, seconds) => requests.observe({ route, method, status }, seconds),
  });
  const http = createServer(HTTP_DEADLINES, app);
  // A fork does not listen, and Node begins to look for late requests when a server does.
  if (cluster.isWorker) http.emit('listening');

  const { adapter, subscribed, onGap } = createGatewayAdapter({ publisher, subscriber });
  const newSessionId = sessionIdsOf(registry.id);
  const sessions = cluster.isWorker ? bindSessions(newSessionId) : undefined;
  const { io, admission } = createSocketServer({
    http,
    adapter,
    authenticate,
    config,
    gatewayId,
    logger,
    bind: sessions?.bind,
  });
  watchAffinity(io, { registry, newSessionId, logger });
  const { heal } = welcomeConnections(io, { gatewayId, unreadOf, subscribed, logger });
  onGap(heal);
  const presence = lifecycle.own(
    'presence',
    createPresence({ cache, publisher, subscriber, gateways: registry, logger }),
    (one) => one.stop(),
  );
  const handlers = {
    ...messageEvents({ conversations, inbox }),
    ...syncEvent({ history, recent, unreadOf, subscribed }),
    ...presenceEvents(io, presence),
    ...typingEvent({ conversations, ephemeral: createEphemeralEmitter(publisher) }),
  };
  dispatchEvents(io, handlers, {
    logger,
    perSecond: config.RATE_LIMIT_PER_SECOND,
    burst: config.RATE_LIMIT_BURST,
  });
  const underWay = watchRequests(http);
  lifecycle.own('sockets', io, (server) => closeSockets(server, http, underWay));
  lifecycle.own('admission', admission, (gate) => gate.close());
  const { DRAIN_DELAY_MS: delayMs, DRAIN_WINDOW_MS: windowMs } = config;
  lifecycle.drainWith(createDrain({ io, admission, requests: underWay, delayMs, windowMs, logger }));

  if (cluster.isWorker) {
    sessions?.attach(io);
    return announceReady({ type: 'ready', port: 0, gateways: [gatewayId] });
  }
  const { port: adminPort } = lifecycle.own(
    'admin listener',
    await serveOps({
      host: config.HOST,
      port: config.ADMIN_PORT,
      readiness,
      drain: () => lifecycle.end('POST /drain'),
    }),
    ({ server }) => server.close(),
  );
  const port = await listen(http, config);
  logger.info({ port, adminPort, endsWithinMs: longestEndMs(config) }, 'gateway: ready');
  announceReady({ type: 'ready', port, adminPort, gateways: [gatewayId] });
}

/** For REST requests that have no answer yet. */
const FINISH_MS = 3_000;
/** For clients to take their leave. */
const GOODBYE_MS = 500;

/**
 * Ends what the drain has left: no new connection, requests under way get their answers, and a client that does not
 * answer its goodbye is not waited for (ws would, for 30 s).
 */
async function closeSockets(io: ChatServer, http: Server, requests: RequestsUnderWay): Promise<void> {
  http.close();
  await waitFor(() => requests.count() === 0, FINISH_MS);
  await waitFor(() => connectionsOf(io).length === 0, GOODBYE_MS);
  for (const connection of connectionsOf(io)) cut(connection, 'forced close');
  await io.close();
}

/** Until the condition holds, but no longer than `ms`. */
async function waitFor(condition: () => boolean, ms: number): Promise<void> {
  const until = performance.now() + ms;
  while (!condition() && performance.now() < until) await delay(10);
}
