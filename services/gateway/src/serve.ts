import cluster from 'node:cluster';
import type { Server } from 'node:http';
import { writeSnapshots } from '@chat-cluster/cluster-view/snapshots';
import type { UserId } from '@chat-cluster/contracts';
import { type Inbox, QuoteOrder, visiblePresence } from '@chat-cluster/domain';
import {
  createConversationStore,
  createGroupReads,
  createHistory,
  createSettings,
  createStoreEpochs,
  createTokenRevocations,
  createUnreadCounts,
  type Database,
} from '@chat-cluster/postgres';
import {
  announceHiddenUsers,
  createBadges,
  createBeatMemory,
  createDeliveredMarks,
  createEphemeralEmitter,
  createGatewayAdapter,
  createPresence,
  createRecentMessages,
} from '@chat-cluster/redis';
import { announceReady, type Readiness, startingReadiness, startProcess, watchReadiness } from '@chat-cluster/runtime';
import { AggregatorRegistry } from 'prom-client';
import { createAuthenticator } from './authenticate.ts';
import { type BlockChange, Blocks } from './blocks.ts';
import { drainOnOrder } from './cluster/fork-drain.ts';
import { namesBehindPort } from './cluster/fork-names.ts';
import { respondToSupervisor } from './cluster/fork-requests.ts';
import { listen, listenForAdmin } from './cluster/listen.ts';
import { takeConnections } from './cluster/take-connections.ts';
import { type GatewayConfig, longestEndMs } from './config.ts';
import { type Context, connectPostgres, connectRedisServers, openInbox } from './connect-servers.ts';
import { GatewayConversations } from './conversations.ts';
import { closeServers, GatewayDrain } from './drain.ts';
import { EpochWatch } from './epoch-watch.ts';
import { groupsAsServer } from './groups-as-server.ts';
import { createHttpApp } from './http/app.ts';
import { limitBodies } from './http/body-parts.ts';
import { createHttpServer } from './http/http-server.ts';
import { boundIdleConnections, MAX_IDLE, MAX_IDLE_PER_ADDRESS } from './http/idle-connections.ts';
import { watchRequests } from './http/middleware.ts';
import { limitPipelining } from './http/pipelining.ts';
import { createLostContacts, createNewContacts, type NewContacts } from './new-contacts.ts';
import { openAsServer } from './open-as-server.ts';
import { openPublicKeys } from './public-keys.ts';
import { createReads } from './reads.ts';
import { rejectWhenUnavailable } from './reject-when-unavailable.ts';
import { Revocations } from './revocations.ts';
import { createSharedLimit } from './shared-limit.ts';
import { attachToConnections } from './socket/attach.ts';
import { watchAffinity } from './socket/connect/affinity.ts';
import { sessionIdsOf, tagOf } from './socket/connect/session-id.ts';
import { Strangers } from './socket/connect/strangers.ts';
import { UserLimiter } from './socket/connect/user-limits.ts';
import { Welcome } from './socket/connect/welcome.ts';
import { type Connection, waitingBytes } from './socket/engine-io.ts';
import { EventDispatcher } from './socket/events/dispatch.ts';
import { createHandlers } from './socket/events/handlers.ts';
import { noPresence } from './socket/events/no-presence.ts';
import { PresenceEvents } from './socket/events/presence-events.ts';
import { GroupRooms } from './socket/group-rooms.ts';
import { createSocketServer } from './socket/server.ts';
import { SessionLifetime } from './socket/session-lifetime.ts';
import { boundUnread } from './socket/transport/unread-budget.ts';
import { respondToUserRequests } from './socket/user-requests.ts';
import { UserGroups } from './user-groups.ts';
import { UserSettings } from './user-settings.ts';

/**
 * One gateway process: everything that it owns, in the order in which it starts. It stops in reverse order. It waits for
 * the first response of each dependency and is not ready meanwhile; later outages do not change that (`readinessOf`).
 */
export async function serve(config: GatewayConfig): Promise<void> {
  const { logger, lifecycle } = await startProcess(config, { service: 'gateway', name: config.GATEWAY_NAME });
  if (cluster.isWorker) {
    drainOnOrder(lifecycle);
    // Its constructor starts answering the supervisor's requests for the metrics of this process.
    new AggregatorRegistry();
  }
  const starting = (checks: Readiness['checks']) => ({ readiness: () => startingReadiness(lifecycle, checks) });
  const admin = cluster.isWorker ? undefined : await listenForAdmin(config, lifecycle, starting({}));
  const context: Context = { config, logger, lifecycle, show: admin?.show };

  const postgres = await connectPostgres(context);
  admin?.show(starting({ redis: 'no response yet' }));
  const redis = await connectRedisServers(context, postgres.db);
  const { inbox, replies } = await openInbox(context, redis);
  const readiness = readinessOf(context, postgres, { ...redis, replies });

  const newContacts = createNewContacts(redis);
  const epoch = createEpochWatch(context, postgres.db, redis);
  const ports = createPorts(context, { db: postgres.db, redis, inbox, newContacts, epoch });
  const store = createTokenRevocations(postgres.db);
  const revocations = new Revocations({ store, ...redis, config, logger, lifecycle });
  const isRevoked = revocations.isRevoked.bind(revocations);
  admin?.show(starting({ keys: 'not read yet' }));
  const authenticate = createAuthenticator(config, await openPublicKeys(config, context), isRevoked);
  const newConversations = createSharedLimit(redis.cache, 'new-conversations', config.NEW_CONVERSATIONS_PER_MINUTE);
  const isReady = () => readiness().ready;
  const gateways = namesBehindPort(config.GATEWAY_NAME);
  const app = createHttpApp({ ...ports, config, logger, authenticate, newConversations, isReady, gateways });
  const http = createHttpServer(config, app);
  const gauges = serveSockets(context, http, { redis, ports, newContacts, authenticate, revocations, epoch });
  const snapshots = startSnapshots(context, redis, gauges);
  const asServer = groupsAsServer({ ...ports, logger });
  const actions = {
    '/revocations': revocations.revoke,
    '/conversations': openAsServer(ports.conversations, logger),
    '/groups': asServer.create,
    '/group-members': asServer.changeMembers,
  };

  admin?.show({ ...starting({ postgres: 'revocations and epoch are not read yet' }), actions });
  await Promise.all([revocations.start(), epoch.start()]);
  snapshots.ready();
  if (admin) {
    const port = await listen(http, config);
    admin.show({ readiness });
    logger.info({ port, adminPort: admin.port, endsWithinMs: longestEndMs(config) }, 'gateway: ready');
    announceReady({ type: 'ready', port, adminPort: admin.port, gateways: [config.GATEWAY_NAME] });
    return;
  }
  respondToSupervisor('act', ({ path, body }) => actions[path](body));
  respondToSupervisor('checks', () => readiness().checks);
  takeConnections(http, tagOf(redis.registry.id));
}

type Redis = Awaited<ReturnType<typeof connectRedisServers>>;
type Postgres = Awaited<ReturnType<typeof connectPostgres>>;
type Replies = Awaited<ReturnType<typeof openInbox>>['replies'];

function readinessOf({ lifecycle }: Context, postgres: Postgres, redis: Redis & { replies: Replies }) {
  return watchReadiness({
    redis: () => ({
      pubsub: redis.replies.pulse.answers && redis.publisher.answers,
      queue: redis.queues.every(({ client }) => client.pulse.answers),
      cache: redis.cache.pulse.answers,
    }),
    postgres: () => postgres.watch.check(),
    schema: postgres.schema,
    lifecycle,
    // A shared outage must not remove all gateways from the load balancer at once. It shows in `checks`.
    readyDuringOutage: true,
  });
}

function createEpochWatch({ logger, lifecycle }: Context, db: Database, redis: Redis): EpochWatch {
  const epochs = createStoreEpochs(db);
  const recent = createRecentMessages(redis.cache);
  return new EpochWatch({ epochs, beats: createBeatMemory(redis.cache), recent, ...redis, logger, lifecycle });
}

interface PortParts {
  db: Database;
  redis: Redis;
  inbox: Inbox;
  newContacts: NewContacts;
  epoch: EpochWatch;
}

/** The ports of the domain: the inbox, reads from Postgres, recent messages from Redis; and what is built on them. */
function createPorts({ config, logger }: Context, { db, redis, inbox, newContacts, epoch }: PortParts) {
  const recent = createRecentMessages(redis.cache);
  const store = rejectWhenUnavailable(createConversationStore(db));
  const storedSettings = rejectWhenUnavailable(createSettings(db));
  const announce = config.PRESENCE === 'contacts' ? newContacts.announce : () => {};
  const lostContacts = createLostContacts(redis);
  const announceLeft = config.PRESENCE === 'contacts' ? lostContacts.announce : () => {};
  const conversations = new GatewayConversations(store, storedSettings, recent, announce);
  const { history, unreadOf } = createReads(
    rejectWhenUnavailable(createHistory(db)),
    rejectWhenUnavailable(createUnreadCounts(db)),
  );
  const groupReads = rejectWhenUnavailable(createGroupReads(db));
  const newGroups = createSharedLimit(redis.cache, 'new-groups', config.NEW_GROUPS_PER_MINUTE);
  const fanout = createBadges(redis.publisher, logger);
  const ephemeral = createEphemeralEmitter(redis.publisher);
  return {
    conversations,
    history: conversations.learnFrom(history),
    recent,
    unreadOf,
    inbox,
    epoch: epoch.current,
    groupReads,
    ownerOf: store.ownerOf,
    announce,
    announceLeft,
    lostContacts,
    groups: new UserGroups({ conversations, inbox, newGroups, announce, announceLeft, config }),
    settings: new UserSettings({
      ...{ settings: storedSettings, unreadOf, fanout, ephemeral, logger },
      deliveredMarks: createDeliveredMarks(ephemeral),
    }),
    blocks: new Blocks({ settings: storedSettings, conversations, ephemeral, ...redis, logger }),
    quotes: new QuoteOrder(),
    ephemeral,
  };
}

interface SocketParts {
  redis: Redis;
  ports: ReturnType<typeof createPorts>;
  newContacts: NewContacts;
  authenticate: ReturnType<typeof createAuthenticator>;
  revocations: Revocations;
  epoch: EpochWatch;
}

/** Shows this process in the cluster view. */
function startSnapshots({ config, lifecycle }: Context, { cache, registry }: Redis, gauges: Gauges) {
  const limits = {
    maxConnections: config.MAX_CONNECTIONS,
    maxRevocations: config.MAX_REVOCATIONS,
    tokenMaxAgeMs: config.JWT_MAX_AGE_MS,
  };
  const own = { id: registry.id, kind: 'gateway', name: config.GATEWAY_NAME, limits } as const;
  return writeSnapshots({ cache, process: own, gauges, lifecycle, endsWithinMs: longestEndMs(config) });
}

type Gauges = () => Record<string, number>;

/**
 * The socket server with the events of clients, presence, and the drain. Returns the figures of the sockets for the
 * cluster view.
 */
function serveSockets(context: Context, http: Server, parts: SocketParts): Gauges {
  const { config, logger, lifecycle } = context;
  const { redis, ports, authenticate, revocations, epoch } = parts;
  const { registry } = redis;
  const { adapter, subscribed, onGap, onUserRequest, onRoomSignal } = createGatewayAdapter(redis);
  const newSessionId = sessionIdsOf(tagOf(registry.id));
  const strangers = new Strangers({ config, logger });
  const users = new UserLimiter(config);
  const socketServer = { http, adapter, authenticate, strangers, users, config, logger, newSessionId };
  const { io, admission } = createSocketServer(socketServer);
  watchAffinity(io, { registry, logger });
  const requests = watchRequests(http);

  const { unreadOf } = ports;
  const gatewayId = config.GATEWAY_NAME;
  const rooms = new GroupRooms({ io, unreadOf, subscribed, logger });
  const welcome = new Welcome({ io, gatewayId, rooms, epoch: epoch.current, subscribed, logger });
  rooms.onJoinedLate((socket) => welcome.joinedLate(socket));
  onRoomSignal({ onRooms: rooms.onRooms.bind(rooms), onLeave: rooms.onLeave.bind(rooms) });
  respondToUserRequests({ io, gatewayId, cache: redis.cache, onUserRequest, logger });
  onGap(() => void welcome.requireSyncs('fanout_gap'));
  epoch.onRenewed(() => void welcome.requireSyncs('store_restored'));
  const presence = startPresence(context, parts, (userIds) => void welcome.refreshBadges(userIds));
  const onBlockChange = ({ userIds, conversationId }: BlockChange) => {
    ports.conversations.onBlockChange(conversationId);
    presence.onBlockChange(userIds);
  };
  ports.blocks.follow(onBlockChange, () => ports.conversations.forgetBlocks());
  ports.lostContacts.follow((userId) => presence.onLeft(userId));
  const sessions = new SessionLifetime({
    io,
    authenticate,
    revocations,
    announceMs: config.TOKEN_EXPIRING_MS,
    lifecycle,
  });
  const subscribedWithGroups = async (userId: UserId) => {
    await subscribed(userId);
    await rooms.ready(userId);
  };
  const handlers = createHandlers({ ...ports, subscribed: subscribedWithGroups, presence, sessions, logger });
  const dispatcher = new EventDispatcher({ handlers, logger });
  const drain = new GatewayDrain({ io, admission, requests, config, logger });
  const backlog = new Set<Connection>();
  attachToConnections(io, { config, logger, backlog, strangers, users, welcome, presence, dispatcher, drain });
  lifecycle.own('sockets', io, (server) => closeServers(server, http, requests));
  lifecycle.own('unread budget', boundUnread({ backlog, http, config, logger }), (budget) => budget.stop());
  boundIdleConnections(http, config.TRUSTED_HOPS === 0 ? MAX_IDLE_PER_ADDRESS : MAX_IDLE);
  limitBodies(http, config);
  limitPipelining(http);
  lifecycle.own('admission', admission, (gate) => gate.close());
  lifecycle.drainWith(drain);
  return () => ({
    unauthenticated: io.engine.clientsCount - io.of('/').sockets.size,
    // The backlog has only the connections with unread output, which are few.
    unreadBytes: [...backlog].reduce((sum, connection) => sum + waitingBytes(connection), 0),
  });
}

/**
 * Presence by the policy of PRESENCE. With `off` this gateway neither writes nor reads the presence of users.
 * `onRestored` is called with users, by default all, after Redis did not know that they are connected.
 */
function startPresence(
  { config, logger, lifecycle }: Context,
  { redis, ports, newContacts }: SocketParts,
  onRestored: (userIds?: readonly UserId[]) => void,
) {
  const policy = config.PRESENCE;
  const deps = { ...redis, gateways: redis.registry, logger };
  if (policy === 'off') {
    lifecycle.own('presence', announceHiddenUsers({ ...deps, onRestored: () => onRestored() }), (one) => one.stop());
    return noPresence;
  }
  const clusterPresence = createPresence(deps);
  clusterPresence.announcer.onRestored(onRestored);
  return new PresenceEvents({
    ...lifecycle.own('presence', clusterPresence, (one) => one.stop()),
    visibleTo: (userId, userIds) => visiblePresence({ contacts: ports.conversations, policy }, userId, userIds),
    newContacts,
    logger,
    maxWatchesPerUser: config.MAX_WATCHES_PER_USER,
  });
}
