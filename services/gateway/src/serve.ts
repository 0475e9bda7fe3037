import cluster from 'node:cluster';
import { createServer, type Server } from 'node:http';
import type { Inbox } from '@chat-cluster/domain';
import {
  createConversationStore,
  createHistory,
  createTokenRevocations,
  createUnreadCounts,
  type Database,
} from '@chat-cluster/postgres';
import {
  createEphemeralEmitter,
  createGatewayAdapter,
  createPresence,
  createRecentMessages,
} from '@chat-cluster/redis';
import { announceReady, startProcess, watchReadiness } from '@chat-cluster/runtime';
import { AggregatorRegistry } from 'prom-client';
import { createAuthenticator } from './authenticate.ts';
import { drainOnOrder } from './cluster/fork-drain.ts';
import { revokeOnRequest } from './cluster/fork-revocations.ts';
import { HTTP_DEADLINES, listen, listenForAdmin } from './cluster/listen.ts';
import { takeConnections } from './cluster/take-connections.ts';
import { type GatewayConfig, longestEndMs } from './config.ts';
import { type Context, connectPostgres, connectRedisServers, openInbox } from './connect-servers.ts';
import { GatewayConversations } from './conversations.ts';
import { closeServers, GatewayDrain } from './drain.ts';
import { createHttpApp } from './http/app.ts';
import { watchRequests } from './http/middleware.ts';
import { limitPipelining } from './http/pipelining.ts';
import { openPublicKeys } from './public-keys.ts';
import { createReads } from './reads.ts';
import { rejectWhenUnavailable } from './reject-when-unavailable.ts';
import { Revocations } from './revocations.ts';
import { createSharedLimit } from './shared-limit.ts';
import { attachToConnections } from './socket/attach.ts';
import { watchAffinity } from './socket/connect/affinity.ts';
import { sessionIdsOf, tagOf } from './socket/connect/session-id.ts';
import { Strangers } from './socket/connect/strangers.ts';
import { takesUpgrade } from './socket/connect/takes-upgrade.ts';
import { UserLimiter } from './socket/connect/user-limits.ts';
import { Welcome } from './socket/connect/welcome.ts';
import { EventDispatcher } from './socket/events/dispatch.ts';
import { createHandlers } from './socket/events/handlers.ts';
import { PresenceEvents } from './socket/events/presence-events.ts';
import { createSocketServer } from './socket/server.ts';
import { SessionLifetime } from './socket/session-lifetime.ts';
import { boundUnread } from './socket/transport/unread-budget.ts';

/** One gateway process: everything that it owns, in the order in which it starts. It stops in reverse order. */
export async function serve(config: GatewayConfig): Promise<void> {
  const { logger, lifecycle } = await startProcess(config, { service: 'gateway', name: config.GATEWAY_NAME });
  if (cluster.isWorker) {
    drainOnOrder(lifecycle);
    // Its constructor starts answering the supervisor's requests for the metrics of this process.
    new AggregatorRegistry();
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

  const ports = createPorts(postgres.db, redis, inbox);
  const store = createTokenRevocations(postgres.db);
  const revocations = new Revocations({ store, ...redis, logger, lifecycle });
  const isRevoked = revocations.isRevoked.bind(revocations);
  const authenticate = createAuthenticator(config, await openPublicKeys(config, context), isRevoked);
  const newConversations = createSharedLimit(redis.cache, 'new-conversations', config.NEW_CONVERSATIONS_PER_MINUTE);
  const app = createHttpApp({ ...ports, config, logger, authenticate, newConversations, isReady: readiness });
  const http = createServer({ ...HTTP_DEADLINES, shouldUpgradeCallback: takesUpgrade }, app);
  serveSockets(context, http, { redis, ports, authenticate, revocations });

  if (cluster.isWorker) {
    await revocations.start();
    revokeOnRequest(revocations.revoke);
    return takeConnections(http, tagOf(redis.registry.id));
  }
  const adminPort = await listenForAdmin(config, lifecycle, {
    readiness: () => (revocations.areKnown ? readiness() : { ...readiness(), ready: false }),
    actions: { '/revocations': revocations.revoke },
  });
  await revocations.start();
  const port = await listen(http, config);
  logger.info({ port, adminPort, endsWithinMs: longestEndMs(config) }, 'gateway: ready');
  announceReady({ type: 'ready', port, adminPort, gateways: [config.GATEWAY_NAME] });
}

type Redis = Awaited<ReturnType<typeof connectRedisServers>>;

/** The ports of the domain: the inbox, reads from Postgres, and recent messages from Redis. */
function createPorts(db: Database, { cache }: Redis, inbox: Inbox) {
  const recent = createRecentMessages(cache);
  const conversations = new GatewayConversations(rejectWhenUnavailable(createConversationStore(db)), recent);
  const { history, unreadOf } = createReads(
    rejectWhenUnavailable(createHistory(db)),
    rejectWhenUnavailable(createUnreadCounts(db)),
  );
  return { conversations, history: conversations.learnFrom(history), recent, unreadOf, inbox };
}

interface SocketParts {
  redis: Redis;
  ports: ReturnType<typeof createPorts>;
  authenticate: ReturnType<typeof createAuthenticator>;
  revocations: Revocations;
}

/** The socket server with the events of clients, presence, and the drain. */
function serveSockets(context: Context, http: Server, { redis, ports, authenticate, revocations }: SocketParts): void {
  const { config, logger, lifecycle } = context;
  const { registry, publisher, subscriber, cache } = redis;
  const { adapter, subscribed, onGap } = createGatewayAdapter(redis);
  const newSessionId = sessionIdsOf(tagOf(registry.id));
  const strangers = new Strangers({ config, logger });
  const users = new UserLimiter(config);
  const { io, admission } = createSocketServer({
    http,
    adapter,
    authenticate,
    strangers,
    users,
    config,
    logger,
    newSessionId,
  });
  watchAffinity(io, { registry, logger });
  const requests = watchRequests(http);

  const welcome = new Welcome({ io, gatewayId: config.GATEWAY_NAME, unreadOf: ports.unreadOf, subscribed, logger });
  onGap(() => void welcome.requireSyncs());
  const clusterPresence = createPresence({ cache, publisher, subscriber, gateways: registry, logger });
  const presence = new PresenceEvents({
    ...lifecycle.own('presence', clusterPresence, (one) => one.stop()),
    maxWatchesPerUser: config.MAX_WATCHES_PER_USER,
  });
  const sessions = new SessionLifetime({
    io,
    authenticate,
    revocations,
    announceMs: config.TOKEN_EXPIRING_MS,
    lifecycle,
  });
  const ephemeral = createEphemeralEmitter(publisher);
  const handlers = createHandlers({ ...ports, subscribed, presence, sessions, ephemeral });
  const dispatcher = new EventDispatcher({ handlers, logger });
  const drain = new GatewayDrain({ io, admission, requests, config, logger });
  attachToConnections(io, { config, logger, strangers, users, welcome, presence, dispatcher, drain });
  lifecycle.own('sockets', io, (server) => closeServers(server, http, requests));
  lifecycle.own('unread budget', boundUnread({ io, http, config, logger }), (budget) => budget.stop());
  limitPipelining(http);
  lifecycle.own('admission', admission, (gate) => gate.close());
  lifecycle.drainWith(drain);
}
