import { once } from 'node:events';
import type { Presence, UserId } from '@chat-cluster/contracts';
import { connectRedis, disconnectRedis, type RedisClient } from '@chat-cluster/redis';
import { createLogger } from '@chat-cluster/runtime';
import { eventually, newUser, privateServers } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { createSharedLimit } from '../src/shared-limit.ts';
import { EventDispatcher, type Handlers } from '../src/socket/events/dispatch.ts';
import { createHandlers, type HandlerDeps } from '../src/socket/events/handlers.ts';
import { PresenceEvents } from '../src/socket/events/presence-events.ts';
import { json, refusal, startEdge } from './http-app.ts';
import { EVERYONE_VISIBLE, type SocketEdge, startSockets } from './socket-edge.ts';

const logger = createLogger({ name: 'test', level: 'fatal', format: 'json' });
const refused = async (edge: SocketEdge, userId: string) => {
  const [error] = await once(edge.client(userId, { reconnection: false }) as never, 'connect_error');
  return (error as { data: { code: string; retryAfterMs?: number } }).data;
};

describe('the limits of a user over all connections', () => {
  it('bound the connections: LIMIT_EXCEEDED, until one is closed', async () => {
    await using edge = await startSockets({ MAX_CONNECTIONS_PER_USER: '2' });
    const [first] = [await edge.connected('alice'), await edge.connected('alice', { transports: ['polling'] })];
    expect(await refused(edge, 'alice')).to.include({ code: 'LIMIT_EXCEEDED', retryable: false });
    await edge.connected('bob');
    first.disconnect();
    await eventually(() => expect(edge.io.of('/').sockets.size).to.equal(2));
    await edge.connected('alice');
  });

  it('bound new connections: RATE_LIMITED with a delay', async () => {
    await using edge = await startSockets({ CONNECTS_PER_SECOND_PER_USER: '1' });
    // At once: meanwhile each second admits one more.
    const refusals = Array.from({ length: 100 }, () => refused(edge, 'alice'));
    const { code, retryAfterMs } = await Promise.race(refusals);
    expect(code).to.equal('RATE_LIMITED');
    expect(retryAfterMs).to.be.within(1, 1_000);
    await edge.connected('bob');
  });

  it('bound the events, however many sockets send them, and end persistent abuse', async () => {
    await using edge = await startSockets({ USER_RATE_LIMIT_PER_SECOND: '1', USER_RATE_LIMIT_BURST: '90' });
    const handlers = { typing: async () => ({ ok: true }) } as unknown as Handlers;
    const dispatcher = new EventDispatcher({ handlers, logger });
    edge.io.on('connection', (socket) => dispatcher.attach(socket));
    const sockets = [await edge.connected('alice'), await edge.connected('alice'), await edge.connected('alice')];
    const payload = { conversationId: crypto.randomUUID(), typing: true };
    const send = (count: number) =>
      Promise.all(
        sockets.flatMap((socket) => Array.from({ length: count }, () => socket.emitWithAck('typing', payload))),
      );
    const acks = await send(40);
    const refused = acks.filter(({ ok }) => !ok);
    // Each second admits one more.
    expect(refused).to.have.length.within(1, 30);
    for (const { error } of refused)
      expect(error).to.include({ code: 'RATE_LIMITED', retryable: true }).and.has.property('retryAfterMs');
    // The limits outlive the sockets.
    for (const socket of sockets) socket.disconnect();
    await eventually(() => expect(edge.io.of('/').sockets.size).to.equal(0));
    const again = await edge.connected('alice', { reconnection: false });
    const lost = once(again as never, 'disconnect');
    for (let i = 0; i < 200; i++) again.emit('typing', payload);
    await lost;
  });

  it('bound the presence watches: LIMIT_EXCEEDED, until some end', async () => {
    await using edge = await startSockets();
    const offline = (userId: UserId): Presence => ({ userId, online: false });
    const presence = new PresenceEvents({
      ...EVERYONE_VISIBLE,
      announcer: { hold() {}, release() {} },
      watch: { watch: async (ids) => ids.map(offline), unwatch() {}, onChange() {} },
      maxWatchesPerUser: 5,
    });
    const dispatcher = new EventDispatcher({
      handlers: createHandlers({ presence } as Partial<HandlerDeps> as HandlerDeps),
      logger,
    });
    edge.io.on('connection', (socket) => {
      presence.attach(socket);
      socket.on('disconnect', () => presence.detach(socket));
      dispatcher.attach(socket);
    });
    const watch = async (socket: Awaited<ReturnType<SocketEdge['connected']>>, ...userIds: string[]) =>
      (await socket.emitWithAck('watch_presence', { userIds })).error?.code;
    const [a, b, other] = [await edge.connected('alice'), await edge.connected('alice'), await edge.connected('bob')];
    expect(await watch(a, 'u1', 'u2', 'u3')).to.equal(undefined);
    expect(await watch(b, 'u1', 'u2', 'u3')).to.equal('LIMIT_EXCEEDED');
    expect(await watch(b, 'u1', 'u2')).to.equal(undefined);
    expect(await watch(other, 'u1')).to.equal(undefined);
    a.disconnect();
    await eventually(async () => expect(await watch(b, 'u3', 'u4', 'u5')).to.equal(undefined));
    await b.emitWithAck('unwatch_presence', { userIds: ['u1', 'u2', 'u3', 'u4', 'u5'] });
    expect(await watch(b, 'u6', 'u7', 'u8', 'u9', 'u10')).to.equal(undefined);
  });
});

describe('the limit of new conversations', () => {
  const codeOf = (error: { payload: { code: string; retryAfterMs?: number } }) => error.payload;
  let clients: RedisClient[];

  beforeEach(async () => {
    const { redis } = await privateServers();
    clients = await Promise.all([1, 2].map(() => connectRedis(redis.url, 'cache', logger)));
  });
  afterEach(() => Promise.all(clients.map(disconnectRedis)));

  it('holds over all gateways, and counts no conversation that existed', async () => {
    const alice = newUser('alice') as UserId;
    const limits = clients.map((client) => createSharedLimit(client, 'test', 4));
    for (const limit of [...limits, ...limits]) await limit.take(alice);
    for (const limit of limits) {
      const error = await limit.take(alice).then(() => undefined, codeOf);
      expect(error?.code).to.equal('RATE_LIMITED');
      expect(error?.retryAfterMs).to.be.within(1, 60_000);
    }
    const bob = newUser('bob') as UserId;
    for (let i = 0; i < 10; i++) {
      await limits[0]?.take(bob);
      limits[0]?.giveBack(bob);
    }
  });

  it('is counted by each gateway while Redis is away', async () => {
    const alice = newUser('alice') as UserId;
    const [limit] = clients.map((client) => createSharedLimit(client, 'test', 2));
    for (const client of clients) client.destroy();
    await limit?.take(alice);
    await limit?.take(alice);
    expect(await limit?.take(alice).then(() => undefined, codeOf)).to.include({ code: 'RATE_LIMITED' });
  });

  it('answers 429 over HTTP', async () => {
    const [client] = clients;
    if (!client) throw new Error('no client');
    const newConversations = createSharedLimit(client, newUser('http'), 2);
    await using edge = await startEdge({ newConversations });
    const open = () => edge.get('/api/conversations', json({ participantId: 'bob' }));
    for (let i = 0; i < 2; i++) expect((await open()).status).to.equal(201);
    expect(await refusal(await open(), 'RATE_LIMITED'))
      .to.have.property('retryAfterMs')
      .greaterThan(0);
  });
});
