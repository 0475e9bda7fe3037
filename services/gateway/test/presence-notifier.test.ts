import type { Presence, UserId } from '@chat-cluster/contracts';
import type { PresenceWatch } from '@chat-cluster/domain';
import { createLogger } from '@chat-cluster/runtime';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { dispatchEvents, type Handlers } from '../src/socket/events/dispatch.ts';
import { presenceEvents } from '../src/socket/events/presence-events.ts';
import { rawToken, type SocketEdge, startSockets } from './socket-edge.ts';

describe('presence at the edge of a gateway', () => {
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
    const handlers = presenceEvents(edge.io, { announcer, watch, maxWatchedUsers: 10 }) as Handlers;
    dispatchEvents(edge.io, handlers, {
      logger: createLogger({ name: 'test', level: 'fatal', format: 'json' }),
      perSecond: 1_000,
      burst: 1_000,
    });
  });
  after(() => edge[Symbol.asyncDispose]());

  const ids = (...names: string[]) => names as UserId[];
  const tell = (userId: string, online: boolean) => change({ userId: userId as UserId, online });

  it('tells a burst of changes completely, to each socket that watches', async () => {
    const [a, b] = [await edge.connected('alice'), await edge.connected('bob')];
    const heard: unknown[] = [];
    for (const socket of [a, b]) socket.on('presence', (presence) => heard.push(presence));
    const users = ids('u1', 'u2', 'u3', 'u4', 'u5');
    for (const socket of [a, b]) await socket.emitWithAck('watch_presence', { userIds: users });
    for (const userId of users) tell(userId, true);
    await eventually(() => expect(heard).to.have.length(10));
    a.disconnect();
    await eventually(() => expect(held).to.include('-alice'));
    expect(watched).to.deep.equal(new Set(users));
    b.disconnect();
    await eventually(() => expect(watched.size).to.equal(0));
    expect(held).to.deep.equal(['+alice', '+bob', '-alice', '-bob']);
  });

  it('keeps of each user only the newest while a client does not read, and adds nothing to what waits for it', async () => {
    const poll = await openPolling('slow');
    await poll.send('420["watch_presence",{"userIds":["u1","u2"]}]');
    expect(await poll.read()).to.match(/430\[\{"ok":true/);
    // Something waits for the next poll.
    const socket = [...edge.io.of('/').sockets.values()].find(({ data }) => data.userId === 'slow');
    if (!socket) throw new Error('the client has no socket');
    socket.emit('session', { waits: true } as never);
    const waiting = () => (socket.conn as unknown as { writeBuffer: unknown[] }).writeBuffer.length;
    for (let i = 0; i < 1_000; i++) {
      tell('u1', i % 2 === 0);
      tell('u2', i % 2 === 1);
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(waiting()).to.equal(1);
    let heard = await poll.read();
    while (!heard.includes('u2')) heard += await poll.read();
    expect(heard.match(/"presence",\{[^}]*\}/g)).to.deep.equal([
      '"presence",{"userId":"u1","online":false}',
      '"presence",{"userId":"u2","online":true}',
    ]);
    await poll.close();
  });

  it('bounds the users that a process watches: OVERLOADED, and who is watched already is no more', async () => {
    const socket = await edge.connected('carol');
    const ask = (userIds: string[]) => socket.emitWithAck('watch_presence', { userIds });
    const users = Array.from({ length: 10 }, (_, i) => `w${i}`);
    expect(await ask(users)).to.include({ ok: true });
    expect(await ask(['w10'])).to.have.nested.property('error.code', 'OVERLOADED');
    expect(await ask(users)).to.include({ ok: true });
    expect(watched.size).to.equal(10);
    socket.disconnect();
    await eventually(() => expect(watched.size).to.equal(0));
  });

  it('takes a watch back that nobody could answer, but none of before', async () => {
    const socket = await edge.connected('dora');
    const ask = (userIds: string[]) => socket.emitWithAck('watch_presence', { userIds });
    expect(await ask(['before'])).to.include({ ok: true });
    answer = () => new Promise(() => {});
    const ack = await ask(['before', 'new']);
    answer = async () => {};
    expect(ack).to.have.nested.property('error.code', 'UNAVAILABLE');
    expect([...watched]).to.deep.equal(['before']);
    socket.disconnect();
  });

  /** A long-polling client that reads only when it is told to. */
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
