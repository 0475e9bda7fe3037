import type { Presence, UserId } from '@chat-cluster/contracts';
import type { PresenceWatch } from '@chat-cluster/domain';
import { createLogger } from '@chat-cluster/runtime';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { waitingPackets } from '../src/socket/engine-io.ts';
import { EventDispatcher } from '../src/socket/events/dispatch.ts';
import { createHandlers, type HandlerDeps } from '../src/socket/events/handlers.ts';
import { PresenceEvents } from '../src/socket/events/presence-events.ts';
import { EVERYONE_VISIBLE, rawToken, type SocketEdge, startSockets } from './socket-edge.ts';

describe('presence on the sockets of a gateway', () => {
  let edge: SocketEdge;
  let change: (presence: Presence) => void;
  const watched = new Set<UserId>();
  const held: string[] = [];
  let answer: () => Promise<void> = async () => {};

  before(async () => {
    edge = await startSockets();
    const watch: PresenceWatch = {
      async watch(userIds) {
        for (const userId of userIds) watched.add(userId);
        await answer();
        return userIds.map((userId) => ({ userId, online: false }));
      },
      unwatch: (userId) => void watched.delete(userId),
      onChange: (listener) => {
        change = listener;
      },
    };
    const announcer = {
      hold: (userId: UserId) => void held.push(`+${userId}`),
      release: (userId: UserId) => void held.push(`-${userId}`),
    };
    const presence = new PresenceEvents({
      ...EVERYONE_VISIBLE,
      announcer,
      watch,
      maxWatchedUsers: 10,
      maxWatchesPerUser: 20,
    });
    const dispatcher = new EventDispatcher({
      handlers: createHandlers({ presence } as Partial<HandlerDeps> as HandlerDeps),
      logger: createLogger({ name: 'test', level: 'fatal', format: 'json' }),
    });
    edge.io.on('connection', (socket) => {
      presence.attach(socket);
      socket.on('disconnect', () => presence.detach(socket));
      dispatcher.attach(socket);
    });
  });
  after(() => edge[Symbol.asyncDispose]());

  const ids = (...names: string[]) => names as UserId[];
  const report = (userId: string, online: boolean) => change({ userId: userId as UserId, online });

  it('emits a burst of changes completely, to each watching socket', async () => {
    const [a, b] = [await edge.connected('alice'), await edge.connected('bob')];
    const received: unknown[] = [];
    for (const socket of [a, b]) socket.on('presence', (presence) => received.push(presence));
    const users = ids('u1', 'u2', 'u3', 'u4', 'u5');
    for (const socket of [a, b]) await socket.emitWithAck('watch_presence', { userIds: users });
    for (const userId of users) report(userId, true);
    await eventually(() => expect(received).to.have.length(10));
    a.disconnect();
    await eventually(() => expect(held).to.include('-alice'));
    expect(watched).to.deep.equal(new Set(users));
    b.disconnect();
    await eventually(() => expect(watched.size).to.equal(0));
    expect(held).to.deep.equal(['+alice', '+bob', '-alice', '-bob']);
  });

  it('keeps only the newest change of each user while a client does not read, and adds nothing to its backlog', async () => {
    const poll = await openPolling('slow');
    await poll.send('420["watch_presence",{"userIds":["u1","u2"]}]');
    expect(await poll.read()).to.match(/430\[\{"ok":true/);
    // One packet waits for the next poll.
    const socket = [...edge.io.of('/').sockets.values()].find(({ data }) => data.userId === 'slow');
    if (!socket) throw new Error('the client has no socket');
    socket.emit('session', { waits: true } as never);
    const waiting = () => waitingPackets(socket.conn);
    for (let i = 0; i < 1_000; i++) {
      report('u1', i % 2 === 0);
      report('u2', i % 2 === 1);
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(waiting()).to.equal(1);
    let received = await poll.read();
    while (!received.includes('u2')) received += await poll.read();
    expect(received.match(/"presence",\{[^}]*\}/g)).to.deep.equal([
      '"presence",{"userId":"u1","online":false}',
      '"presence",{"userId":"u2","online":true}',
    ]);
    await poll.close();
  });

  it('bounds the users that a process watches: OVERLOADED, except for users that are already watched', async () => {
    const socket = await edge.connected('carol');
    const watchAll = (userIds: string[]) => socket.emitWithAck('watch_presence', { userIds });
    const users = Array.from({ length: 10 }, (_, i) => `w${i}`);
    expect(await watchAll(users)).to.include({ ok: true });
    expect(await watchAll(['w10'])).to.have.nested.property('error.code', 'OVERLOADED');
    expect(await watchAll(users)).to.include({ ok: true });
    expect(watched.size).to.equal(10);
    socket.disconnect();
    await eventually(() => expect(watched.size).to.equal(0));
  });

  it('removes a watch that got no answer, and keeps earlier ones', async () => {
    const socket = await edge.connected('dora');
    const watchAll = (userIds: string[]) => socket.emitWithAck('watch_presence', { userIds });
    expect(await watchAll(['before'])).to.include({ ok: true });
    answer = () => new Promise(() => {});
    const ack = await watchAll(['before', 'new']);
    answer = async () => {};
    expect(ack).to.have.nested.property('error.code', 'UNAVAILABLE');
    expect([...watched]).to.deep.equal(['before']);
    socket.disconnect();
  });

  /** A long-polling client that polls only on `read`. */
  async function openPolling(userId: string) {
    const base = `${edge.url}/socket.io/?EIO=4&transport=polling`;
    const opened = await (await fetch(base)).text();
    const address = `${base}&sid=${JSON.parse(opened.slice(1)).sid}`;
    const send = async (body: string) => void (await (await fetch(address, { method: 'POST', body })).text());
    const read = async () => (await fetch(address)).text();
    await send(`40${JSON.stringify({ token: rawToken(userId) })}`);
    expect(await read()).to.match(/^40/);
    return { send, read, close: () => send('1') };
  }
});
