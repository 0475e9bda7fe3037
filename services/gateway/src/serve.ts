import cluster from 'node:cluster';
import { createServer, type Server } from 'node:http';
import { createConversationStore, createHistory, createUnreadCounts, type Database } from '@chat-cluster/postgres';
import {
  createEphemeralEmitter,
  createGatewayAdapter,
  createPresence,
  createRecentMessages,
  type RedisClient,
} from '@chat-cluster/redis';
import { announceReady, startProcess, watchReadiness } from '@chat-cluster/runtime';
import { Histogram } from 'prom-client';
import manifest from '../package.json' with { type: 'json' };
import { createAuthenticator } from './authenticate.ts';
import { closeSockets } from './close-sockets.ts';
import { drainOnOrder } from './cluster/fork-drain.ts';
import { answerMetricsRequests } from './cluster/fork-metrics.ts';
import { HTTP_DEADLINES, listen, listenForAdmin } from './cluster/listen.ts';
import { bindSessions } from './cluster/sticky.ts';
import { type GatewayConfig, longestEndMs } from './config.ts';
import {
  type Context,
  connectPostgres,
  connectRedisServers,
  openInbox,
  type RedisConnections,
} from './connect-servers.ts';
import { GatewayConversations } from './conversations.ts';
import { GatewayDrain } from './drain.ts';
import { createHttpApp, type HttpDeps } from './http/app.ts';
import { createRateLimit, watchRequests } from './http/middleware.ts';
import { createReads } from './reads.ts';
import { rejectWhenUnavailable } from './reject-when-unavailable.ts';
import { attachToConnections } from './socket/attach.ts';
import { sessionIdsOf, watchAffinity } from './socket/connect/affinity.ts';
import { Welcome } from './socket/connect/welcome.ts';
import { EventDispatcher } from './socket/events/dispatch.ts';
import { createHandlers } from './socket/events/handlers.ts';
import { PresenceEvents } from './socket/events/presence-events.ts';
import { createSocketServer } from './socket/server.ts';

const requestDurations = new Histogram({
  name: 'chat_http_request_duration_seconds',
  help: 'Duration of HTTP requests, by route',
  labelNames: ['route', 'method', 'status'],
  buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 10],
});

/** One gateway process: everything that it owns, in the order in which it starts. It stops in reverse order. */
export async function serve(config: GatewayConfig): Promise<void> {
  const { logger, lifecycle } = await startProcess(config, { service: 'gateway', name: config.GATEWAY_NAME });
  if (cluster.isWorker) {
    drainOnOrder(lifecycle);
    answerMetricsRequests();
  }
  const context: Context = { config, logger, lifecycle };

  const postgres = await connectPostgres(context);
  const redis = await connectRedisServers(context);
  const { inbox, replies } = await openInbox(context, redis);
  const readiness = watchReadiness({
    redis: () => ({
      pubsub: replies.pulse.answers && redis.publisher.answers,
      queue: redis.queues.every(({ client }) => client.pulse.answers),
      cache: redis.cache.pulse.answers,
    }),
    postgres: () => postgres.watch.check(),
    schema: postgres.schema,
    lifecycle,
    // A shared outage must not remove all gateways from the load balancer at once. It shows in `checks`.
    readyDuringOutage: true,
  });

  const ports = { ...createPorts(postgres.db, redis.cache), inbox };
  const authenticate = createAuthenticator(config);
  const http = createHttp(context, {
    ...ports,
    authenticate: (token) => authenticate(token).userId,
    isReady: readiness,
  });
  const handOver = createSockets(context, { http, redis, ports, authenticate });

  if (cluster.isWorker) {
    handOver();
    return announceReady({ type: 'ready', port: 0, gateways: [config.GATEWAY_NAME] });
  }
  const adminPort = await listenForAdmin(config, lifecycle, { readiness });
  const port = await listen(http, config);
  logger.info({ port, adminPort, endsWithinMs: longestEndMs(config) }, 'gateway: ready');
  announceReady({ type: 'ready', port, adminPort, gateways: [config.GATEWAY_NAME] });
}

/**
 * The ports of the domain that read: conversations, history and unread counts in Postgres, recent messages in Redis.
 */
function createPorts(db: Database, cache: RedisClient) {
  const recent = createRecentMessages(cache);
  const conversations = new GatewayConversations(rejectWhenUnavailable(createConversationStore(db)), recent);
  const { history, unreadOf } = createReads(
    rejectWhenUnavailable(createHistory(db)),
    rejectWhenUnavailable(createUnreadCounts(db)),
  );
  return { conversations, history: conversations.learnFrom(history), recent, unreadOf };
}

type Ports = ReturnType<typeof createPorts> & Pick<HttpDeps, 'inbox'>;

/** The HTTP server with the REST API. It does not listen yet. */
function createHttp(
  { config, logger }: Context,
  deps: Pick<HttpDeps, 'authenticate' | 'conversations' | 'history' | 'recent' | 'inbox' | 'isReady'>,
): Server {
  const app = createHttpApp({
    ...deps,
    limitRate: createRateLimit(config.HTTP_RATE_LIMIT_PER_SECOND, config.HTTP_RATE_LIMIT_BURST),
    allowedOrigins: config.ALLOWED_ORIGINS,
    gatewayId: config.GATEWAY_NAME,
    version: manifest.version,
    onFault: (error, request) =>
      logger.error({ err: error, method: request.method, route: request.route?.path }, 'http: a fault'),
    observe: (route, method, status, seconds) => requestDurations.observe({ route, method, status }, seconds),
  });
  const http = createServer(HTTP_DEADLINES, app);
  // Node checks for late requests from this event on, and a fork does not listen.
  if (cluster.isWorker) http.emit('listening');
  return http;
}

interface SocketParts {
  http: Server;
  redis: RedisConnections;
  ports: Ports;
  authenticate: ReturnType<typeof createAuthenticator>;
}

/**
 * The socket server with the events of clients, presence, and the drain. Returns the function by which a fork takes
 * connections from its supervisor.
 */
function createSockets(context: Context, { http, redis, ports, authenticate }: SocketParts): () => void {
  const { config, logger, lifecycle } = context;
  const { registry, publisher, subscriber, cache } = redis;
  const gatewayId = config.GATEWAY_NAME;
  const { adapter, subscribed, onGap } = createGatewayAdapter(redis);
  const newSessionId = sessionIdsOf(registry.id);
  const sessions = cluster.isWorker ? bindSessions(newSessionId) : undefined;
  const { io, admission } = createSocketServer({
    ...{ http, adapter, authenticate, config, gatewayId, logger },
    bind: sessions?.bind,
  });
  watchAffinity(io, { registry, newSessionId, logger });
  const requests = watchRequests(http);

  const welcome = new Welcome({ io, gatewayId, unreadOf: ports.unreadOf, subscribed, logger });
  onGap(() => void welcome.healAll());
  const clusterPresence = createPresence({ cache, publisher, subscriber, gateways: registry, logger });
  const presence = new PresenceEvents(lifecycle.own('presence', clusterPresence, (one) => one.stop()));
  const handlers = createHandlers({ ...ports, subscribed, presence, ephemeral: createEphemeralEmitter(publisher) });
  const dispatcher = new EventDispatcher({ handlers, config, logger });
  const drain = new GatewayDrain({ io, admission, requests, config, logger });
  attachToConnections(io, { config, logger, welcome, presence, dispatcher, drain });
  lifecycle.own('sockets', io, (server) => closeSockets(server, http, requests));
  lifecycle.own('admission', admission, (gate) => gate.close());
  lifecycle.drainWith(drain);
  return () => sessions?.attach(io);
}
