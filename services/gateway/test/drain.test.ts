import { once } from 'node:events';
import { openDatabase } from '@chat-cluster/postgres';
import type { Drain } from '@chat-cluster/runtime';
import { api, connect, eventually, newUser, openConversation, startTestCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';
import { GatewayDrain, SLOWEST_PER_SECOND } from '../src/drain.ts';
import { metric, type SocketEdge, startSockets } from './socket-edge.ts';

/** Tolerance for a busy machine, in ms. */
const SLACK_MS = 1_000;
/** How early a timer may fire, in ms. */
const TIMER_MS = 2;

describe('a drain', () => {
  let edge: SocketEdge;

  beforeEach(async () => {
    edge = await startSockets();
  });
  afterEach(() => edge[Symbol.asyncDispose]());

  const drainOf = (delayMs: number, windowMs: number): Drain =>
    new GatewayDrain({
      io: edge.io,
      admission: edge.admission,
      requests: { closeConnections() {} },
      config: { DRAIN_DELAY_MS: delayMs, DRAIN_WINDOW_MS: windowMs },
      logger: { info() {} } as never,
    });

  /**
   * `count` sockets over both transports, with the moment announced to each and the time of its close, in ms from now.
   */
  async function watched(count: number) {
    const sockets = await Promise.all(
      Array.from({ length: count }, (_, i) =>
        edge.connected(newUser('drained'), {
          reconnection: false,
          transports: [i % 4 === 0 ? 'polling' : 'websocket'],
        }),
      ),
    );
    const started = performance.now();
    const moments: { inMs: number; announced: number; closed?: number; reason?: string }[] = [];
    for (const socket of sockets) {
      socket.on('server_draining', ({ reconnectInMs }) => {
        const announced = performance.now() - started + reconnectInMs;
        const moment: (typeof moments)[number] = { inMs: reconnectInMs, announced };
        moments.push(moment);
        socket.on('disconnect', (reason) => {
          Object.assign(moment, { closed: performance.now() - started, reason });
        });
      });
    }
    return { sockets, moments, closed: () => moments.filter(({ closed }) => closed !== undefined) };
  }

  it('announces a moment to each socket, spreads the moments, and closes so that stock clients reconnect', async () => {
    const { moments, closed } = await watched(30);
    const before = await metric('chat_drained_sockets_total');
    const run = drainOf(0, 60_000).run(new AbortController().signal);
    await run;
    const overMs = (30 / SLOWEST_PER_SECOND) * 1_000;
    await eventually(() => expect(closed()).to.have.length(30));
    for (const { inMs, announced, closed, reason } of moments) {
      expect(reason).to.equal('transport close');
      expect(announced).to.be.within(0, overMs + SLACK_MS);
      // The announcement was sent after the start, and may have been received late.
      expect(closed).to.be.within(inMs - TIMER_MS, announced + SLACK_MS);
    }
    const times = moments.map(({ announced }) => announced).sort((a, b) => a - b);
    // One moment in each thirtieth of the window, so no second has more moments than the pace.
    const most = Math.max(...times.map((at) => times.filter((other) => other >= at && other < at + 1_000).length));
    expect(most).to.be.at.most(SLOWEST_PER_SECOND + 2);
    expect((await metric('chat_drained_sockets_total')) - before).to.equal(30);
    expect(await metric('chat_draining')).to.equal(1);
  });

  it('takes no longer than its window', async () => {
    const { closed } = await watched(30);
    const started = performance.now();
    await drainOf(0, 200).run(new AbortController().signal);
    expect(performance.now() - started).to.be.below(200 + SLACK_MS);
    await eventually(() => expect(closed()).to.have.length(30));
  });

  it('admits new clients during its delay, and refuses them with Retry-After while it closes sockets', async () => {
    await watched(10);
    const drained = drainOf(500, 60_000).run(new AbortController().signal);
    const late = await edge.connected(newUser('late'), { reconnection: false });
    await once(late as never, 'server_draining');
    const refused = await fetch(`${edge.url}/socket.io/?EIO=4&transport=polling`);
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).to.deep.equal([503, true]);
    await drained;
  });

  for (const [phase, delayMs] of [
    ['delay', 60_000],
    ['pacing', 0],
  ] as const) {
    it(`skips its ${phase} when it is hurried`, async () => {
      const { closed } = await watched(20);
      const hurry = new AbortController();
      const drained = drainOf(delayMs, 60_000).run(hurry.signal);
      hurry.abort();
      await drained;
      await eventually(() => expect(closed()).to.have.length(20));
    });
  }
});

describe('a gateway of two processes that drains', () => {
  it('is not ready, serves on, disconnects its clients and exits with code 0', async () => {
    const exits: string[] = [];
    await using cluster = await startTestCluster({
      env: { DRAIN_DELAY_MS: '4000', DRAIN_WINDOW_MS: '10000' },
      log: (line) => exits.push(line),
    });
    const gateway = () => cluster.processes.find(({ name }) => name === 'gateway');
    const admin = `http://127.0.0.1:${gateway()?.adminPort}`;
    const state = async (base: string) => {
      const { status, headers } = await fetch(`${base}/readyz`);
      return { status, connection: headers.get('connection') };
    };
    const [a, b] = [newUser('a'), newUser('b')];
    const conversationId = await openConversation(cluster, a, b);
    const clients = await Promise.all(
      Array.from({ length: 12 }, (_, i) => connect(cluster, i === 0 ? a : newUser('c'), TRANSPORTS[i % 2])),
    );
    const draining = clients.map(({ socket }) => once(socket as never, 'server_draining'));
    const leaving = clients.map(({ socket }) => once(socket as never, 'disconnect'));

    expect((await fetch(`${admin}/drain`, { method: 'POST' })).status).to.equal(202);
    await eventually(async () => {
      expect(await state(cluster.url)).to.deep.equal({ status: 503, connection: 'close' });
      expect((await state(admin)).status).to.equal(503);
    });
    const late = await connect(cluster, newUser('late'));
    const history = await api(cluster, a, 'GET', `/api/messages/with/${b}`);
    expect([history.status, history.headers.get('connection')]).to.deep.equal([200, 'close']);
    expect(await clients[0]?.send({ conversationId, content: 'in the delay' })).to.include({ ok: true });

    await Promise.all(draining);
    for (const [reason] of await Promise.all(leaving)) expect(reason).to.equal('transport close');
    for (const { socket } of clients) expect(socket.active, 'it reconnects by itself').to.equal(true);
    await eventually(() => expect(exits[0]).to.match(/^gateway ended unexpectedly \(exit code 0\)/));
    for (const client of [...clients, late]) client.close();
  });

  it('hurries on a second SIGTERM, and still answers the events it has read', async () => {
    const exits: string[] = [];
    await using cluster = await startTestCluster({
      env: { DRAIN_DELAY_MS: '60000' },
      log: (line) => exits.push(line),
    });
    await using db = openDatabase({
      url: cluster.databaseUrl,
      poolSize: 2,
      applicationName: 'test',
      onError: () => {},
    });
    const [a, b] = [newUser('a'), newUser('b')];
    const conversationId = await openConversation(cluster, a, b);
    const alice = await connect(cluster, a, { reconnection: false });
    const { pid = 0 } = cluster.processes.find(({ name }) => name === 'gateway') ?? {};
    const announced = once(alice.socket as never, 'server_draining');
    const gone = once(alice.socket as never, 'disconnect');
    let answered = false;
    const { ack } = await db.transaction().execute(async (tx) => {
      await sql`lock table messages in share mode`.execute(tx);
      const ack = alice.send({ conversationId, content: 'on its way' });
      void ack.then(() => {
        answered = true;
      });
      process.kill(pid, 'SIGTERM');
      await eventually(async () => expect((await fetch(`${cluster.url}/readyz`)).status).to.equal(503));
      process.kill(pid, 'SIGTERM');
      await announced;
      expect([answered, alice.socket.connected]).to.deep.equal([false, true]);
      return { ack };
    });
    expect(await ack).to.include({ ok: true });
    await gone;
    await eventually(() => expect(exits[0]).to.match(/exit code 0/));
    alice.close();
  });
});

const TRANSPORTS = [{ transports: ['websocket'] }, { transports: ['polling'] }];
