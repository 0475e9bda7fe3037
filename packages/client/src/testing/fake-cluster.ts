import type { ClientMessageId, ConversationId, Message, UserId } from '@chat-cluster/contracts';
import type { OpenSocket } from '../types.ts';
import { ManualClock, platformClock, repeatableRandom } from './clock.ts';
import type { FakeConnection } from './connection.ts';
import { ConversationEvents } from './conversation-events.ts';
import { Deliveries } from './deliveries.ts';
import { FakeEvents } from './events.ts';
import { FakeSocket } from './fake-socket.ts';
import { Gateways, unreadCount } from './gateways.ts';
import { GroupChanges } from './group-changes.ts';
import { FakeHistory } from './history.ts';
import { FakeIds } from './ids.ts';
import { MessageChanges } from './message-changes.ts';
import { Presences } from './presences.ts';
import { type FakeRequest, Refusals } from './refusals.ts';
import { createFetch } from './rest.ts';
import { personOf } from './stored.ts';
import { FakeTokens } from './tokens.ts';
import type { FakeCluster, FakeClusterOptions, FakeRequestRecord } from './types.ts';
import { groupView } from './views.ts';

const URL = 'https://chat.fake';
const HOUR_MS = 3_600_000;

/** Creates an in-memory cluster for tests. See {@link FakeCluster}. */
export function createFakeCluster(options: FakeClusterOptions = {}): FakeCluster {
  const parts = assemble(options);
  return { ...access(parts, options), ...actions(parts), ...faults(parts), ...inspection(parts) };
}

type Parts = ReturnType<typeof assemble>;

function assemble(options: FakeClusterOptions) {
  const { gateways: count = 2, tokenExpiringMs = 60_000, offlineAfterMs = 6_000, time } = options;
  const { maxGroupMembers = 1_000, maxGroupsPerUser = 1_000, maxUsersPerAdd = 100 } = options;
  const { editWindowMs = 900_000, deleteWindowMs = 900_000 } = options;
  if (!Number.isInteger(count) || count < 1) throw new TypeError('gateways: give a whole number of at least 1.');
  const manual = time === 'platform' ? undefined : new ManualClock(Date.now());
  const clock = manual ?? platformClock;
  const ids = new FakeIds();
  const history = new FakeHistory(clock, ids);
  const deliveries = new Deliveries();
  const refusals = new Refusals();
  const tokens = new FakeTokens(clock);
  const requests: FakeRequestRecord[] = [];
  const presences = new Presences({ clock, history, offlineAfterMs, connections: () => gateways.connections });
  const handle = (connection: FakeConnection, event: string, payload: unknown) => {
    const request = event as FakeRequest;
    requests.push({ user: connection.userId, request, payload });
    refusals.check(request, connection.userId);
    return events.handle(connection, event, payload);
  };
  const gateways: Gateways = new Gateways({
    ...{ clock, ids, tokens, history, deliveries, refusals, presences, handle, count },
    announceMs: tokenExpiringMs,
  });
  const groups = new GroupChanges(history, { maxGroupMembers, maxGroupsPerUser, maxUsersPerAdd });
  const changes = new MessageChanges(history, { editWindowMs, deleteWindowMs });
  const conversations = new ConversationEvents({ history, gateways, presences, groups, changes });
  const events = new FakeEvents({ history, gateways, presences, conversations, now: () => clock.now() });
  const parts = { manual, clock, history, deliveries, refusals, tokens, requests, presences, gateways, events };
  return { ...parts, conversations };
}

/** What a client needs, and the course of time. */
function access(parts: Parts, { tokenLifetimeMs = HOUR_MS }: FakeClusterOptions) {
  const { manual, clock, deliveries, tokens, gateways, presences } = parts;
  const socket: OpenSocket = (_url, { auth }) => new FakeSocket(gateways, auth);
  const fetch = createFetch({ ...parts, url: URL, isOffline: () => gateways.isOffline() });
  const clientClock = {
    now: () => clock.now(),
    after: clock.after.bind(clock),
    random: manual ? repeatableRandom() : Math.random,
  };
  const tokenFor = (userId: string, { expiresInMs = tokenLifetimeMs }: { expiresInMs?: number } = {}) =>
    tokens.issue(userId, expiresInMs);
  return {
    url: URL,
    socket,
    fetch,
    tokenFor,
    optionsOf: (userId: string) => ({ url: URL, socket, fetch, clock: clientClock, getToken: () => tokenFor(userId) }),
    idle: () => deliveries.idle(),
    async advance(ms: number) {
      if (!manual) throw new TypeError("advance needs the option time: 'manual'.");
      const end = manual.now() + Math.ceil(ms);
      do await deliveries.idle();
      while (manual.step(end));
    },
    now: () => clock.now(),
    close() {
      gateways.close();
      presences.close();
    },
  };
}

/** What other users and devices do. */
function actions({ history, presences, events, conversations }: Parts) {
  const open: FakeCluster['open'] = (a, b) => {
    const { conversation, created } = history.open(a as UserId, b as UserId);
    if (created) presences.contactsMade(conversation.participantIds);
    return conversation;
  };
  return {
    open,
    send({ from, to = '', conversationId = open(from, to).id, attachments = [], ...rest }) {
      const clientMessageId = rest.clientMessageId as ClientMessageId | undefined;
      const mentions = rest.mentions as UserId[] | undefined;
      const id = conversationId as ConversationId;
      const draft = { ...rest, conversationId: id, attachments, clientMessageId, mentions };
      return events.send(from as UserId, draft).message;
    },
    createGroup({ ownerId, title, userIds }) {
      const body = { title, userIds: userIds as UserId[], changeId: undefined };
      return conversations.createGroup(ownerId as UserId, body).group;
    },
    changeGroup: (userId, id, change) =>
      conversations.changeGroup(userId as UserId, id as ConversationId, change, undefined).group,
    changeMessage(userId, id, seq, change) {
      const ack = conversations.changeMessage(userId as UserId, id as ConversationId, seq, change);
      return (ack as { message: Message }).message;
    },
    configure(userId, id, settings) {
      conversations.configure(userId as UserId, id as ConversationId, settings);
    },
    block(userId, other, blocked = true) {
      conversations.block(userId as UserId, { userId: other as UserId, blocked });
    },
    deliver(userId, id, upToSeq) {
      conversations.deliver(userId as UserId, [{ id: id as ConversationId, upToSeq }]);
    },
    read(userId, conversationId, upToSeq) {
      events.read(userId as UserId, { conversationId: conversationId as ConversationId, upToSeq });
    },
    type(userId, conversationId, typing) {
      events.type(userId as UserId, { conversationId: conversationId as ConversationId, typing });
    },
  } satisfies Partial<FakeCluster>;
}

function faults({ history, deliveries, refusals, tokens, gateways }: Parts) {
  const end = (userId: string, code: 'TOKEN_EXPIRED' | 'TOKEN_REVOKED') => {
    tokens.end(userId as UserId, code);
    for (const connection of gateways.of(userId)) gateways.endSession(connection, code);
  };
  const requireSync = (reason: 'fanout_gap' | 'store_restored') => {
    for (const connection of gateways.of()) {
      connection.emit('sync_required', { reason });
      connection.emit('unread_count', unreadCount(history.countsOf(connection.userId)));
    }
  };
  return {
    drop: (delivery, scope) => deliveries.drop(delivery, scope),
    duplicate: (delivery, scope) => deliveries.duplicate(delivery, scope),
    hold: (delivery, scope) => deliveries.hold(delivery, scope),
    refuse: (request, code, refusal) => refusals.add(request, code, refusal),
    heal() {
      refusals.clear();
      deliveries.heal();
      gateways.setOffline(false);
    },
    disconnect(userId) {
      for (const connection of gateways.of(userId)) connection.close('transport close');
    },
    offline: () => gateways.setOffline(true),
    online: () => gateways.setOffline(false),
    drain: ({ gatewayId = gateways.busiest(), reconnectInMs = 1_000 } = {}) => gateways.drain(gatewayId, reconnectInMs),
    announceExpiry(userId, expiresInMs = 60_000) {
      gateways.emitTo(userId as UserId, 'token_expiring', { expiresInMs });
    },
    expire: (userId) => end(userId, 'TOKEN_EXPIRED'),
    revoke: (userId) => end(userId, 'TOKEN_REVOKED'),
    requireSync: () => requireSync('fanout_gap'),
    backup: () => history.backup(),
    restore(backup) {
      history.restore(backup);
      requireSync('store_restored');
    },
  } satisfies Partial<FakeCluster>;
}

function inspection({ history, gateways, requests }: Parts) {
  return {
    messages: (id, userId) => history.messages(id as ConversationId, userId as UserId | undefined),
    unread: (userId) => history.countsOf(userId as UserId).count,
    counts: (userId) => history.countsOf(userId as UserId),
    group: (userId, id) => groupView(userId as UserId, history.of(userId as UserId, id as ConversationId)),
    readMark(userId, id) {
      return personOf(history.of(userId as UserId, id as ConversationId), userId as UserId).upToSeq;
    },
    connections: (userId) =>
      gateways.of(userId).map((one) => ({ id: one.id, userId: one.userId, gatewayId: one.gatewayId })),
    requests: (request) => requests.filter((one) => request === undefined || one.request === request),
  } satisfies Partial<FakeCluster>;
}
