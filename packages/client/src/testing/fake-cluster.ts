import type { ClientMessageId, ConversationId, UserId } from '@chat-cluster/contracts';
import type { OpenSocket } from '../types.ts';
import { ManualClock, platformClock, repeatableRandom } from './clock.ts';
import type { FakeConnection } from './connection.ts';
import { Deliveries } from './deliveries.ts';
import { FakeEvents } from './events.ts';
import { FakeSocket } from './fake-socket.ts';
import { Gateways } from './gateways.ts';
import { FakeHistory } from './history.ts';
import { FakeIds } from './ids.ts';
import { Presences } from './presences.ts';
import { type FakeRequest, Refusals } from './refusals.ts';
import { createFetch } from './rest.ts';
import { FakeTokens } from './tokens.ts';
import type { FakeCluster, FakeClusterOptions, FakeRequestRecord } from './types.ts';

const URL = 'https://chat.fake';
const HOUR_MS = 3_600_000;

/** Creates an in-memory cluster for tests. See {@link FakeCluster}. */
export function createFakeCluster(options: FakeClusterOptions = {}): FakeCluster {
  const parts = assemble(options);
  return { ...access(parts, options), ...actions(parts), ...faults(parts), ...inspection(parts) };
}

type Parts = ReturnType<typeof assemble>;

function assemble({ gateways: count = 2, tokenExpiringMs = 60_000, offlineAfterMs = 6_000, time }: FakeClusterOptions) {
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
  const events = new FakeEvents({ history, gateways, presences, now: () => clock.now() });
  return { manual, clock, history, deliveries, refusals, tokens, requests, presences, gateways, events };
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
function actions({ history, presences, events }: Parts) {
  const open: FakeCluster['open'] = (a, b) => {
    const { conversation, created } = history.open(a as UserId, b as UserId);
    if (created) presences.contactsMade(conversation.participantIds);
    return conversation;
  };
  return {
    open,
    send({ from, to, content, attachments = [], clientMessageId }) {
      const conversationId = open(from, to).id;
      const id = clientMessageId as ClientMessageId | undefined;
      return events.send(from as UserId, { conversationId, content, attachments, clientMessageId: id }).message;
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
      connection.emit('unread_count', { count: history.unreadOf(connection.userId) });
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
    messages: (id) => history.range(id as ConversationId, 1, Number.POSITIVE_INFINITY),
    unread: (userId) => history.unreadOf(userId as UserId),
    readMark(userId, id) {
      const { marks } = history.of(userId as UserId, id as ConversationId);
      return marks.find((one) => one.userId === userId)?.upToSeq ?? 0;
    },
    connections: (userId) =>
      gateways.of(userId).map((one) => ({ id: one.id, userId: one.userId, gatewayId: one.gatewayId })),
    requests: (request) => requests.filter((one) => request === undefined || one.request === request),
  } satisfies Partial<FakeCluster>;
}
