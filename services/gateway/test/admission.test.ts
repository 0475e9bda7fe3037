import { EventEmitter, once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket as TcpSocket } from 'node:net';
import { problem } from '@chat-cluster/contracts';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { Admission } from '../src/socket/connect/admission.ts';
import { metric, type SocketEdge, startSockets } from './socket-edge.ts';

const POLLING = '/socket.io/?EIO=4&transport=polling';

describe('a storm of connects', () => {
  it('is admitted at the configured pace and in order of arrival, while open sessions go on', async () => {
    await using edge = await startSockets({ CONNECTS_PER_SECOND: '40' });
    edge.io.on('connection', (socket) => socket.onAny((_event, ack) => ack()));
    const [arrived, admitted]: [string[], string[]] = [[], []];
    edge.http.prependListener('upgrade', ({ url }) => arrived.push(userIn(url)));
    edge.io.engine.on('connection', ({ request }: { request: { url: string } }) => admitted.push(userIn(request.url)));
    const early = await edge.connected('early', { transports: ['polling'] });

    const started = performance.now();
    const errors: Error[] = [];
    const clients = Array.from({ length: 140 }, (_, i) => edge.client(`user-${i}`, { query: { user: `user-${i}` } }));
    for (const client of clients) client.on('connect_error', (error) => errors.push(error));
    await eventually(async () => expect(await metric('chat_handshakes_waiting')).to.be.greaterThan(10));
    await early.timeout(2_000).emitWithAck('hello');
    expect(await metric('chat_handshakes_waiting')).to.be.greaterThan(0);

    await eventually(() => expect(clients.every((client) => client.connected)).to.equal(true));
    // Two sessions in each round of 50 ms.
    expect(performance.now() - started).to.be.greaterThan(3_390);
    expect(errors).to.deep.equal([]);
    expect(arrived).to.have.length(140);
    expect(admitted.filter((user) => user !== 'none')).to.deep.equal(arrived);
    expect(await metric('chat_handshakes_waiting')).to.equal(0);
  });

  it('refuses in HTTP the clients that would wait too long, and stock clients reconnect by themselves', async () => {
    await using edge = await startSockets({ CONNECTS_PER_SECOND: '2', ALLOWED_ORIGINS: 'https://chat.example' });
    const overloaded = await metric('chat_handshakes_total', { result: 'OVERLOADED' });
    // One is admitted at once, 16 wait (for up to 8 s), and the others are refused at once.
    const crowd = await crowdOf(edge, 40);
    await eventually(async () => {
      const refused = crowd.filter(({ received }) => received.startsWith('HTTP/1.1 503 Service Unavailable\r\n'));
      expect(refused.length).to.be.greaterThan(15);
      expect(await metric('chat_handshakes_total', { result: 'OVERLOADED' })).to.equal(overloaded + refused.length);
      for (const { received } of refused) expect(received).to.match(/^Retry-After: \d+\r\n.*"code":"OVERLOADED"/ms);
    });
    expect(await metric('chat_handshakes_waiting')).to.be.within(1, 17);

    // A session is admitted every half second, so at most one of ten simultaneous requests is queued.
    const origin = 'https://chat.example';
    const leave = new AbortController();
    const requests = Array.from({ length: 10 }, () =>
      fetch(edge.url + POLLING, { headers: { origin }, signal: leave.signal }).then((answer) =>
        answer.ok ? Promise.reject(new Error('was admitted')) : answer,
      ),
    );
    const answer = await Promise.any(requests);
    expect(answer.status).to.equal(503);
    expect(answer.headers.get('access-control-allow-origin')).to.equal(origin);
    expect(answer.headers.get('x-gateway-id')).to.equal('gateway-7');
    const { error } = problem.parse(await answer.json());
    expect(error).to.include({ code: 'OVERLOADED', retryable: true });
    // When the current queue is empty, or up to twice as late.
    expect(error.retryAfterMs).to.be.within(7_000, 18_000);
    expect(Number(answer.headers.get('retry-after'))).to.equal(Math.ceil((error.retryAfterMs ?? 0) / 1_000));
    // Other origins are refused first.
    expect((await fetch(edge.url + POLLING, { headers: { origin: 'https://evil.example' } })).status).to.equal(403);

    const errors: string[] = [];
    const clients = Array.from({ length: 4 }, (_, i) => {
      const client = edge.client(`user-${i}`, { transports: [i % 2 ? 'websocket' : 'polling'] });
      client.on('connect_error', ({ message }) => errors.push(message));
      return client;
    });
    await eventually(() => expect(errors).to.include('websocket error').and.include('xhr poll error'));
    // The crowd leaves, by a half-close or by a reset, and its places are free at once.
    leave.abort();
    await Promise.allSettled(requests);
    for (const [i, { socket }] of crowd.entries()) i % 2 ? socket.end() : socket.resetAndDestroy();
    await eventually(() => expect(clients.every((client) => client.connected)).to.equal(true));
    expect(await metric('chat_handshakes_waiting')).to.equal(0);
  });

  it('ends when the gateway stops: waiting clients get 503 and reconnect elsewhere', async () => {
    await using edge = await startSockets({ CONNECTS_PER_SECOND: '1' });
    const crowd = await crowdOf(edge, 5);
    await eventually(async () => expect(await metric('chat_handshakes_waiting')).to.be.greaterThan(2));
    edge.admission.close();
    expect(await metric('chat_handshakes_waiting')).to.equal(0);
    await eventually(
      () => expect(crowd.filter(({ received }) => received.startsWith('HTTP/1.1 503 '))).not.to.be.empty,
    );
    await eventually(() => expect(crowd.every(({ received }) => received !== '')).to.equal(true));
    expect((await fetch(edge.url + POLLING)).status).to.equal(503);
  });
});

describe('the pace of a storm', () => {
  /** Sizes of the rounds until 400 sessions are admitted; each session keeps the event loop busy for `busyMs`. */
  async function roundsOf(busyMs: number): Promise<number[]> {
    const rounds: number[] = [];
    const admission = new Admission(1_000_000, () => true);
    let admitted = 0;
    let sameTurn = false;
    await new Promise<void>((resolve) => {
      const onAdmitted = () => {
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
      for (let i = 0; i < 400; i++) admission.admit(request(), onAdmitted, () => resolve());
    });
    admission.close();
    return rounds.slice(1, -1);
  }

  it('grows while the event loop keeps up', async () => {
    expect(await roundsOf(0)).to.satisfy((rounds: number[]) => Math.max(...rounds) > 30);
  });

  it('shrinks while it does not', async () => {
    const rounds = await roundsOf(20);
    expect(Math.max(...rounds)).to.be.lessThan(25);
    expect(Math.min(...rounds)).to.be.lessThan(14);
  });
});

describe('the limit of connections', () => {
  it('leaves room for users while unauthenticated clients hold connections', async () => {
    await using edge = await startSockets({
      CONNECTS_PER_SECOND: '5000',
      MAX_UNAUTHENTICATED: '1000',
      AUTHENTICATE_WITHIN_MS: '60000',
    });
    const half = await Promise.all(Array.from({ length: 999 }, () => fetch(edge.url + POLLING)));
    expect(half.every(({ ok }) => ok)).to.equal(true);
    const [first, second] = [
      await edge.connected('first'),
      await edge.connected('second', { transports: ['polling'] }),
    ];
    expect((await fetch(edge.url + POLLING)).status).to.equal(200);
    expect((await fetch(edge.url + POLLING)).status).to.equal(503);
    expect(first.connected && second.connected).to.equal(true);
  });

  it('is MAX_CONNECTIONS, and a freed place is used again', async () => {
    await using edge = await startSockets({ MAX_CONNECTIONS: '2' });
    const [first] = [await edge.connected('alice'), await edge.connected('bob')];
    const late = edge.client('carol', { reconnectionDelay: 50 });
    await once(late as never, 'connect_error');
    expect(edge.io.engine.clientsCount).to.equal(2);
    first.disconnect();
    await once(late as never, 'connect');
  });
});

/** Raw clients that request a websocket, all at once, and the bytes that each has received. */
async function crowdOf(edge: SocketEdge, size: number): Promise<{ socket: TcpSocket; received: string }[]> {
  const crowd = Array.from({ length: size }, () => {
    const one = { socket: edge.tcp(), received: '' };
    one.socket.on('data', (chunk) => {
      one.received += chunk;
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
