import { EventEmitter, once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket as TcpSocket } from 'node:net';
import { problem } from '@chat-cluster/contracts';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { createAdmission } from '../src/socket/connect/admission.ts';
import { metric, type SocketEdge, startSockets } from './socket-edge.ts';

const POLLING = '/socket.io/?EIO=4&transport=polling';

describe('a storm of connects', () => {
  it('is taken in at its pace and in its order, while open sessions go on', async () => {
    await using edge = await startSockets({ CONNECTS_PER_SECOND: '40' });
    edge.io.on('connection', (socket) => socket.onAny((_event, ack) => ack()));
    const [came, entered]: [string[], string[]] = [[], []];
    edge.http.prependListener('upgrade', ({ url }) => came.push(userIn(url)));
    edge.io.engine.on('connection', ({ request }: { request: { url: string } }) => entered.push(userIn(request.url)));
    const early = await edge.connected('early', { transports: ['polling'] });

    const started = performance.now();
    const errors: Error[] = [];
    const clients = Array.from({ length: 140 }, (_, i) => edge.client(`user-${i}`, { query: { user: `user-${i}` } }));
    for (const client of clients) client.on('connect_error', (error) => errors.push(error));
    await eventually(async () => expect(await metric('chat_handshakes_waiting')).to.be.greaterThan(10));
    await early.timeout(2_000).emitWithAck('hello');
    expect(await metric('chat_handshakes_waiting')).to.be.greaterThan(0);

    await eventually(() => expect(clients.every((client) => client.connected)).to.equal(true));
    // Two in each round of 50 ms.
    expect(performance.now() - started).to.be.greaterThan(3_390);
    expect(errors).to.deep.equal([]);
    expect(came).to.have.length(140);
    expect(entered.filter((user) => user !== 'none')).to.deep.equal(came);
    expect(await metric('chat_handshakes_waiting')).to.equal(0);
  });

  it('refuses whom it would keep waiting too long, in HTTP, and stock clients come again by themselves', async () => {
    await using edge = await startSockets({ CONNECTS_PER_SECOND: '2', ALLOWED_ORIGINS: 'https://chat.example' });
    const overloaded = await metric('chat_handshakes_total', { result: 'OVERLOADED' });
    // One at once, 16 in line (8 s of waiting), and whoever comes later hears that at once.
    const crowd = await crowdOf(edge, 40);
    await eventually(async () => {
      const refused = crowd.filter(({ said }) => said.startsWith('HTTP/1.1 503 Service Unavailable\r\n'));
      expect(refused.length).to.be.greaterThan(15);
      expect(await metric('chat_handshakes_total', { result: 'OVERLOADED' })).to.equal(overloaded + refused.length);
      for (const { said } of refused) expect(said).to.match(/^Retry-After: \d+\r\n.*"code":"OVERLOADED"/ms);
    });
    expect(await metric('chat_handshakes_waiting')).to.be.within(1, 17);

    // A place becomes free every half second; of ten requests at once the others are refused.
    const origin = 'https://chat.example';
    const leave = new AbortController();
    const asked = Array.from({ length: 10 }, () =>
      fetch(edge.url + POLLING, { headers: { origin }, signal: leave.signal }).then((answer) =>
        answer.ok ? Promise.reject(new Error('had a turn')) : answer,
      ),
    );
    const answer = await Promise.any(asked);
    expect(answer.status).to.equal(503);
    expect(answer.headers.get('access-control-allow-origin')).to.equal(origin);
    expect(answer.headers.get('x-gateway-id')).to.equal('gateway-7');
    const { error } = problem.parse(await answer.json());
    expect(error).to.include({ code: 'OVERLOADED', retryable: true });
    // When the line of now will be gone, or up to twice as late.
    expect(error.retryAfterMs).to.be.within(7_000, 18_000);
    expect(Number(answer.headers.get('retry-after'))).to.equal(Math.ceil((error.retryAfterMs ?? 0) / 1_000));
    // Other origins are turned away first.
    expect((await fetch(edge.url + POLLING, { headers: { origin: 'https://evil.example' } })).status).to.equal(403);

    const errors: string[] = [];
    const clients = Array.from({ length: 4 }, (_, i) => {
      const client = edge.client(`user-${i}`, { transports: [i % 2 ? 'websocket' : 'polling'] });
      client.on('connect_error', ({ message }) => errors.push(message));
      return client;
    });
    await eventually(() => expect(errors).to.include('websocket error').and.include('xhr poll error'));
    // The crowd leaves and its places are free at once, whether it hangs up or only says that it has no more to say.
    leave.abort();
    await Promise.allSettled(asked);
    for (const [i, { socket }] of crowd.entries()) i % 2 ? socket.end() : socket.resetAndDestroy();
    await eventually(() => expect(clients.every((client) => client.connected)).to.equal(true));
    expect(await metric('chat_handshakes_waiting')).to.equal(0);
  });

  it('ends when the gateway stops: who waits is sent elsewhere', async () => {
    await using edge = await startSockets({ CONNECTS_PER_SECOND: '1' });
    const crowd = await crowdOf(edge, 5);
    await eventually(async () => expect(await metric('chat_handshakes_waiting')).to.be.greaterThan(2));
    edge.admission.close();
    expect(await metric('chat_handshakes_waiting')).to.equal(0);
    await eventually(() => expect(crowd.filter(({ said }) => said.startsWith('HTTP/1.1 503 '))).not.to.be.empty);
    await eventually(() => expect(crowd.every(({ said }) => said !== '')).to.equal(true));
    expect((await fetch(edge.url + POLLING)).status).to.equal(503);
  });
});

describe('the pace of a storm', () => {
  /** Sessions of each round, until 400 were admitted; each keeps the event loop busy for so many ms. */
  async function roundsOf(busyMs: number): Promise<number[]> {
    const rounds: number[] = [];
    const admission = createAdmission(1_000_000, () => true);
    let admitted = 0;
    let sameTurn = false;
    await new Promise<void>((resolve) => {
      const enter = () => {
        if (!sameTurn) rounds.push(0);
        sameTurn = true;
        setImmediate(() => {
          sameTurn = false;
        });
        rounds.push((rounds.pop() ?? 0) + 1);
        for (const from = performance.now(); performance.now() - from < busyMs; );
        if (++admitted === 400) resolve();
      };
      const request = () => ({ socket: new EventEmitter() }) as unknown as IncomingMessage;
      for (let i = 0; i < 400; i++) admission.admit(request(), enter, () => resolve());
    });
    admission.close();
    return rounds.slice(1, -1);
  }

  it('grows while the process keeps up', async () => {
    expect(await roundsOf(0)).to.satisfy((rounds: number[]) => Math.max(...rounds) > 30);
  });

  it('shrinks while it does not', async () => {
    const rounds = await roundsOf(20);
    expect(Math.max(...rounds)).to.be.lessThan(25);
    expect(Math.min(...rounds)).to.be.lessThan(14);
  });
});

describe('room for connections', () => {
  it('is kept for users while strangers hold on to connections without a token', async () => {
    await using edge = await startSockets({ CONNECTS_PER_SECOND: '5000', MAX_UNAUTHENTICATED: '1000' });
    const half = await Promise.all(Array.from({ length: 999 }, () => fetch(edge.url + POLLING)));
    expect(half.every(({ ok }) => ok)).to.equal(true);
    const [good, better] = [await edge.connected('good'), await edge.connected('better', { transports: ['polling'] })];
    expect((await fetch(edge.url + POLLING)).status).to.equal(200);
    expect((await fetch(edge.url + POLLING)).status).to.equal(503);
    expect(good.connected && better.connected).to.equal(true);
  });

  it('ends at MAX_CONNECTIONS, and a place that becomes free is taken', async () => {
    await using edge = await startSockets({ MAX_CONNECTIONS: '2' });
    const [first] = [await edge.connected('alice'), await edge.connected('bob')];
    const late = edge.client('carol', { reconnectionDelay: 50 });
    await once(late as never, 'connect_error');
    expect(edge.io.engine.clientsCount).to.equal(2);
    first.disconnect();
    await once(late as never, 'connect');
  });
});

/** Raw clients that ask for a websocket, all at once, and what each has heard. */
async function crowdOf(edge: SocketEdge, size: number): Promise<{ socket: TcpSocket; said: string }[]> {
  const crowd = Array.from({ length: size }, () => {
    const one = { socket: edge.tcp(), said: '' };
    one.socket.on('data', (chunk) => {
      one.said += chunk;
    });
    one.socket.write(
      'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    );
    return one;
  });
  await Promise.all(crowd.map(({ socket }) => once(socket, 'connect')));
  return crowd;
}

function userIn(url = ''): string {
  return /[?&]user=([^&]*)/.exec(url)?.[1] ?? 'none';
}
