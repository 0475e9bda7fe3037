import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  api,
  connect,
  eventually,
  newUser,
  openConversation,
  startTestCluster,
  type TestCluster,
  tokenFor,
} from '@chat-cluster/testkit';
import { expect } from 'chai';
import jwt from 'jsonwebtoken';
import { io, type Socket } from 'socket.io-client';

describe('handshake', () => {
  let cluster: TestCluster;
  const open: Socket[] = [];

  before(async () => {
    cluster = await startTestCluster({ allowedOrigins: 'https://chat.example', env: { LOG_LEVEL: 'trace' } });
  });
  after(() => cluster.stop());
  afterEach(() => {
    for (const socket of open.splice(0)) socket.disconnect();
  });

  /** The outcome of a stock client's attempt: its session, or the code of the refusal. */
  function attempt(options: Parameters<typeof io>[1]): Promise<{ code?: string; userId?: string; events: string[] }> {
    const socket = io(cluster.url, { forceNew: true, reconnection: false, ...options } as never);
    open.push(socket);
    const events: string[] = [];
    return new Promise((resolve) => {
      socket.onAny((event) => events.push(event));
      socket.on('session', ({ userId }) => resolve({ userId, events }));
      // A refusal closes the connection in the same turn: a close is a result only if there is no refusal.
      socket.io.on('close', (reason) => setImmediate(resolve, { code: `closed without an error: ${reason}`, events }));
      socket.on('connect_error', (error) =>
        resolve({ code: (error as { data?: { code?: string } }).data?.code ?? error.message, events }),
      );
    });
  }

  const inAnHour = () => Math.floor(Date.now() / 1_000) + 3_600;
  const unsigned = (payload: object) =>
    `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.`;
  const signed = (claims: object, options: jwt.SignOptions = {}, secret = cluster.jwtSecret) =>
    jwt.sign(claims, secret, options);

  const BAD_TOKENS: [string, () => unknown, string][] = [
    ['no token', () => undefined, 'TOKEN_MISSING'],
    ['an empty token', () => '', 'TOKEN_MISSING'],
    ['garbage', () => 'garbage', 'TOKEN_INVALID'],
    ['a number', () => 7, 'TOKEN_INVALID'],
    ['an object', () => ({ toString: 'x' }), 'TOKEN_INVALID'],
    ['an expired token', () => signed({ sub: 'alice', exp: Math.floor(Date.now() / 1_000) - 60 }), 'TOKEN_EXPIRED'],
    ['alg none', () => unsigned({ sub: 'alice', exp: inAnHour() }), 'TOKEN_INVALID'],
    ['another secret', () => signed({ sub: 'alice', exp: inAnHour() }, {}, 'another secret'), 'TOKEN_INVALID'],
    ['another algorithm', () => signed({ sub: 'alice', exp: inAnHour() }, { algorithm: 'HS512' }), 'TOKEN_INVALID'],
    ['no expiry', () => signed({ sub: 'alice' }), 'TOKEN_INVALID'],
    ['no user', () => signed({ exp: inAnHour() }), 'TOKEN_INVALID'],
    ['a user id that is too long', () => signed({ sub: 'x'.repeat(65), exp: inAnHour() }), 'TOKEN_INVALID'],
    ['a user id with control characters', () => signed({ sub: 'a\nb', exp: inAnHour() }), 'TOKEN_INVALID'],
    [
      'a token that is not valid yet',
      () => signed({ sub: 'alice', exp: inAnHour(), nbf: inAnHour() }),
      'TOKEN_INVALID',
    ],
    ['a token of 10 kB', () => signed({ sub: 'alice', exp: inAnHour(), pad: 'x'.repeat(7_500) }), 'TOKEN_INVALID'],
  ];

  for (const [name, token, code] of BAD_TOKENS) {
    for (const transport of ['websocket', 'polling']) {
      it(`refuses ${name} with ${code}, over ${transport}, and closes at once`, async () => {
        const value = token();
        const result = await attempt({ transports: [transport], auth: value === undefined ? {} : { token: value } });
        expect(result).to.deep.equal({ code, events: [] });
        await eventually(() => expect(open.at(-1)?.io.engine?.readyState ?? 'closed').to.equal('closed'), 6_000);
      });
    }
  }

  it('closes a refused connection, even if the client does nothing', async () => {
    const socket = new WebSocket(`${cluster.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
    const received: string[] = [];
    socket.addEventListener('message', ({ data }) => {
      received.push(String(data));
      if (String(data).startsWith('0')) socket.send('40{"token":"garbage"}');
    });
    const started = performance.now();
    await new Promise((resolve) => socket.addEventListener('close', resolve));
    expect(performance.now() - started).to.be.lessThan(3_000);
    expect(received.at(-1)).to.match(/^44\{.*"code":"TOKEN_INVALID"/);
  });

  it('closes the connection of a client that leaves the namespace', async () => {
    const socket = new WebSocket(`${cluster.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
    const closed = new Promise((resolve) => socket.addEventListener('close', resolve));
    const token = tokenFor(cluster, newUser('alice'));
    socket.addEventListener('message', ({ data }) => {
      if (String(data).startsWith('0')) socket.send(`40${JSON.stringify({ token })}`);
      if (String(data).startsWith('40')) socket.send('41');
    });
    await closed;
  });

  it('answers each of many clients that are refused at once', async () => {
    // The refusal answers the first packet, so a packet that is lost between the entry and a fork shows here.
    for (let round = 0; round < 30; round++) {
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          attempt({ transports: [i % 2 ? 'websocket' : 'polling'], auth: { token: 'x' } }),
        ),
      );
      expect(new Set(results.map(({ code }) => code))).to.deep.equal(new Set(['TOKEN_INVALID']));
    }
  });

  it('takes the token from auth first, then from the query', async () => {
    const [alice, bob] = [newUser('alice'), newUser('bob')];
    expect((await attempt({ query: { token: tokenFor(cluster, alice) } })).userId).to.equal(alice);
    const both = { auth: { token: tokenFor(cluster, bob) }, query: { token: tokenFor(cluster, alice) } };
    expect((await attempt(both)).userId).to.equal(bob);
  });

  it('lets stock clients start with long-polling, on any gateway, and upgrade', async () => {
    for (let i = 0; i < 10; i++) {
      const client = await connect(cluster, newUser('poller'));
      await eventually(() => expect(client.socket.io.engine.transport.name).to.equal('websocket'));
      client.close();
    }
  });

  it('chats over long-polling alone', async () => {
    const [a, b] = [newUser('a'), newUser('b')];
    const conversationId = await openConversation(cluster, a, b);
    const options = { transports: ['polling'] };
    const [alice, bob] = [await connect(cluster, a, options), await connect(cluster, b, options)];
    const acks = await Promise.all(
      Array.from({ length: 20 }, (_, i) => alice.send({ conversationId, content: `${i}`.repeat(3_000) })),
    );
    expect(acks.every((ack) => ack.ok)).to.equal(true);
    await eventually(() =>
      expect(bob.messages.map((message) => message.seq)).to.deep.equal(Array.from({ length: 20 }, (_, i) => i + 1)),
    );
    alice.close();
    bob.close();
  });

  it('checks the origin of sockets and requests against ALLOWED_ORIGINS', async () => {
    const extraHeaders = (origin: string) => ({
      extraHeaders: { origin },
      auth: { token: tokenFor(cluster, 'alice') },
    });
    for (const transports of [['websocket'], ['polling']]) {
      expect((await attempt({ ...extraHeaders('https://chat.example'), transports })).userId).to.equal('alice');
      expect((await attempt({ ...extraHeaders(cluster.url), transports })).userId).to.equal('alice');
      expect((await attempt({ ...extraHeaders('https://evil.example'), transports })).code).to.be.a('string');
      expect((await attempt({ ...extraHeaders('https://chat.example.evil.example'), transports })).code).to.be.a(
        'string',
      );
    }
    const cors = async (origin: string) =>
      (await fetch(`${cluster.url}/api/messages/conversations`, { headers: { origin } })).headers.get(
        'access-control-allow-origin',
      );
    expect(await cors('https://chat.example')).to.equal('https://chat.example');
    expect(await cors('https://evil.example')).to.equal(null);
  });

  it('names the gateway on every HTTP answer', async () => {
    const ids = new Set<string>();
    await eventually(async () => {
      for (const path of ['/healthz', '/api/nothing', '/socket.io/?EIO=4&transport=polling']) {
        ids.add((await fetch(cluster.url + path)).headers.get('x-gateway-id') ?? 'none');
      }
      expect([...ids].sort()).to.deep.equal(['gateway-1', 'gateway-2']);
    });
  });

  it('serves probes and aggregated metrics on the admin listeners, and no metrics to users', async () => {
    const admin = (service: string) =>
      `http://127.0.0.1:${cluster.processes.find(({ name }) => name === service)?.adminPort}`;
    const clients = await Promise.all(Array.from({ length: 12 }, () => connect(cluster, newUser('m'))));
    for (const base of [cluster.url, admin('gateway'), admin('worker-1')]) {
      expect((await fetch(`${base}/healthz`)).status).to.equal(200);
      const ready = await fetch(`${base}/readyz`);
      expect(ready.status).to.equal(200);
      const parts = base === admin('gateway') ? cluster.gateways : ['redis', 'postgres', 'schema'];
      const checks = Object.fromEntries(parts.map((part) => [part, 'ok']));
      expect(await ready.json()).to.deep.equal(base === cluster.url ? { ready: true } : { ready: true, checks });
    }
    await eventually(async () => {
      const text = await (await fetch(`${admin('gateway')}/metrics`)).text();
      const gauge = /^chat_connections (\d+)$/m.exec(text)?.[1];
      expect(Number(gauge)).to.equal(12);
      // Of the supervisor, which owns the port.
      expect(text).to.match(/^chat_entry_evicted_total 0$/m);
    });
    expect(await (await fetch(`${admin('worker-1')}/metrics`)).text()).to.include('chat_store_results_total');
    expect((await fetch(`${cluster.url}/metrics`)).status).to.equal(404);
    for (const client of clients) client.close();
  });

  it('logs no token and no message, at any level', async () => {
    const [a, b] = [newUser('a'), newUser('b')];
    const conversationId = await openConversation(cluster, a, b);
    const client = await connect(cluster, a, { auth: {}, query: { token: tokenFor(cluster, a) } });
    const secret = `the body ${crypto.randomUUID()}`;
    await client.send({ conversationId, content: secret });
    await client.send({ conversationId: 'bad', content: secret });
    await api(cluster, a, 'GET', `/api/messages/with/${b}`);
    client.close();
    const gatewayLog = await eventually(async () => {
      const text = await readFile(join(cluster.dataDir, 'logs', 'gateway.log'), 'utf8');
      expect(text).to.include('gateway: ready');
      return text;
    });
    const workerLog = await readFile(join(cluster.dataDir, 'logs', 'worker-1.log'), 'utf8');
    expect(workerLog).to.include('worker: ready');
    for (const text of [gatewayLog, workerLog]) {
      expect(text).not.to.include(secret);
      expect(text).not.to.match(/eyJ[\w-]+\.[\w-]+/);
      expect(text).not.to.include(cluster.jwtSecret);
      expect(text).not.to.include(new URL(cluster.databaseUrl).password);
    }
  });
});
