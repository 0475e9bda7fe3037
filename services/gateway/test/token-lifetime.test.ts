import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import type { ErrorPayload } from '@chat-cluster/contracts';
import { signToken } from '@chat-cluster/local-cluster';
import { eventually, newUser, startTestCluster, type TestCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { io, type Socket } from 'socket.io-client';

describe('the lifetime of a socket', () => {
  let cluster: TestCluster;
  const open: Socket[] = [];

  before(async () => {
    // `token_expiring` 60 s ahead, the default: a token of some seconds gets it at once.
    cluster = await startTestCluster({ gatewayProcesses: 1, env: { JWT_CLOCK_TOLERANCE_MS: '0' } });
  });
  after(() => cluster.stop());
  afterEach(() => {
    for (const socket of open.splice(0)) socket.disconnect();
  });

  const token = (user: string, seconds: number) => signToken(user, cluster.jwtSecret, seconds);

  /** A stock client whose `auth` function takes the next of `tokens`, and repeats the last one. */
  function client(tokens: string[], options: Parameters<typeof io>[1] = {}): Socket {
    const socket = io(cluster.url, {
      forceNew: true,
      reconnectionDelay: 10,
      reconnectionDelayMax: 20,
      auth: (send) => send({ token: tokens.length > 1 ? tokens.shift() : tokens[0] }),
      ...options,
    });
    open.push(socket);
    return socket;
  }

  for (const transport of ['websocket', 'polling']) {
    it(`ends with its token, over ${transport}; a stock client reconnects and is refused until it has a new token`, async () => {
      const tokens = [token(newUser('alice'), 2)];
      const socket = client(tokens, { transports: [transport] });
      const ended = once(socket as never, 'session_ended');
      const refused = once(socket as never, 'connect_error');
      await once(socket as never, 'connect');
      const [reason] = await once(socket as never, 'disconnect');
      expect(reason).to.equal('transport close');
      expect(((await ended) as [{ error: ErrorPayload }])[0].error.code).to.equal('TOKEN_EXPIRED');
      const [error] = (await refused) as [Error & { data: ErrorPayload }];
      expect(error.data).to.include({ code: 'TOKEN_EXPIRED', retryable: false });
      expect(socket.connected).to.equal(false);
      tokens[0] = token(newUser('alice'), 60);
      socket.connect();
      await once(socket as never, 'connect');
    });
  }

  it('continues without an action of the app when the auth function returns a new token', async () => {
    const user = newUser('alice');
    const socket = client([token(user, 2), token(user, 60)], { transports: ['websocket'] });
    await once(socket as never, 'disconnect');
    await once(socket as never, 'connect');
    expect(await socket.emitWithAck('sync', { conversations: [] })).to.include({ ok: true });
  });

  it('announces the expiry, and lasts as long as the token of refresh_token', async () => {
    const user = newUser('alice');
    const socket = client([token(user, 2)], { transports: ['websocket'] });
    const [{ expiresInMs }] = await once(socket as never, 'token_expiring');
    expect(expiresInMs).to.be.within(1, 2_000);
    const ack = await socket.emitWithAck('refresh_token', { token: token(user, 4) });
    expect(ack.ok).to.equal(true);
    expect(ack.expiresInMs).to.be.within(2_001, 4_000);
    const started = performance.now();
    await once(socket as never, 'token_expiring');
    await once(socket as never, 'disconnect');
    expect(performance.now() - started).to.be.greaterThan(ack.expiresInMs - 1_000);
  });

  it('keeps its token when refresh_token brings none, an invalid one, or one of another user', async () => {
    const socket = client([token(newUser('alice'), 60)], { transports: ['websocket'] });
    await once(socket as never, 'connect');
    const refresh = async (payload: unknown) => (await socket.emitWithAck('refresh_token', payload)).error?.code;
    expect(await refresh({})).to.equal('VALIDATION_FAILED');
    expect(await refresh({ token: 'x'.repeat(10_000) })).to.equal('VALIDATION_FAILED');
    expect(await refresh({ token: 'garbage' })).to.equal('TOKEN_INVALID');
    expect(await refresh({ token: token('mallory', 60) })).to.equal('TOKEN_INVALID');
    expect(await refresh({ token: token('mallory', -60) })).to.equal('TOKEN_EXPIRED');
    expect(await socket.emitWithAck('sync', { conversations: [] })).to.include({ ok: true });
  });

  it('ends with the last token, also if it expires earlier', async () => {
    const user = newUser('alice');
    const socket = client([token(user, 600)], { transports: ['websocket'] });
    await once(socket as never, 'connect');
    const ack = await socket.emitWithAck('refresh_token', { token: token(user, 3) });
    expect(ack.expiresInMs).to.be.at.most(3_000);
    const [{ error }] = await once(socket as never, 'session_ended');
    expect(error.code).to.equal('TOKEN_EXPIRED');
  });

  it('has no end in sight with a token of 40 days, which is longer than the longest timer', async () => {
    const user = newUser('alice');
    const socket = client([token(user, 40 * 86_400)], { transports: ['websocket'] });
    const seen: string[] = [];
    socket.onAny((event) => seen.push(event));
    // Some checks of all sockets later:
    await once(client([token(user, 4)], { transports: ['websocket'] }) as never, 'session_ended');
    expect(seen).to.not.include.members(['token_expiring']);
    expect(seen).to.not.include.members(['session_ended']);
    const ack = await socket.emitWithAck('refresh_token', { token: token(user, 40 * 86_400) });
    expect(ack.expiresInMs).to.be.greaterThan(2 ** 31);
  });

  it('counts refreshes as events: beyond the limit they get RATE_LIMITED, and the socket keeps its token', async () => {
    const user = newUser('alice');
    const socket = client([token(user, 600)], { transports: ['websocket'] });
    await once(socket as never, 'connect');
    const fresh = token(user, 600);
    const acks = await Promise.all(
      Array.from({ length: 5_000 }, () => socket.emitWithAck('refresh_token', { token: fresh })),
    );
    const codes = new Set(acks.map((ack) => ack.error?.code ?? 'ok'));
    expect(codes).to.include('ok').and.to.include('RATE_LIMITED');
    expect([...codes].filter((code) => !['ok', 'RATE_LIMITED', 'OVERLOADED'].includes(code))).to.deep.equal([]);
    expect(socket.connected).to.equal(true);
  });

  const PLACES: Record<string, (bad: string) => Promise<string>> = {
    'the Authorization header of REST': async (bad) => {
      const headers = { authorization: `Bearer ${bad}` };
      const response = await fetch(`${cluster.url}/api/messages/conversations`, { headers });
      return response.ok ? 'ok' : ((await response.json()) as { error: ErrorPayload }).error.code;
    },
    'auth of a socket': (bad) => outcomeOf({ auth: { token: bad } }),
    'the query of a socket': (bad) => outcomeOf({ auth: {}, query: { token: bad } }),
    refresh_token: async (bad) => {
      const socket = client([token('alice', 60)]);
      await once(socket as never, 'connect');
      return (await socket.emitWithAck('refresh_token', { token: bad })).error?.code ?? 'ok';
    },
  };
  const outcomeOf = (options: Parameters<typeof io>[1]) => {
    const socket = client([], { reconnection: false, ...options });
    const connected = once(socket as never, 'connect').then(() => 'ok');
    return Promise.race([connected, once(socket as never, 'connect_error').then(([{ data }]) => data.code as string)]);
  };
  const now = Math.floor(Date.now() / 1_000);
  const BAD: [string, object, object, string][] = [
    ['a good token', {}, {}, 'ok'],
    ['crit', { crit: ['x'], x: 1 }, {}, 'TOKEN_INVALID'],
    ['another typ', { typ: 'logout+jwt' }, {}, 'TOKEN_INVALID'],
    ['alg none', { alg: 'none' }, {}, 'TOKEN_INVALID'],
    ['HS512', { alg: 'HS512' }, {}, 'TOKEN_INVALID'],
    ['an iat in the future', {}, { iat: now + 600 }, 'TOKEN_INVALID'],
    ['a numeric sub', {}, { sub: 7 }, 'TOKEN_INVALID'],
    ['an exp beyond all times', {}, { exp: 1e300 }, 'TOKEN_INVALID'],
    ['an expired token', {}, { exp: now - 60 }, 'TOKEN_EXPIRED'],
    ['a path as kid', { kid: '../../etc/passwd' }, {}, 'ok'],
  ];
  for (const [place, present] of Object.entries(PLACES)) {
    it(`has the same rules in ${place}`, async () => {
      for (const [name, header, claims, expected] of BAD) {
        const parts = [
          { alg: 'HS256', ...header },
          { sub: 'alice', iat: now, exp: now + 600, ...claims },
        ].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
        const signature = createHmac('sha256', cluster.jwtSecret).update(parts.join('.')).digest('base64url');
        expect(await present([...parts, signature].join('.')), name).to.equal(expected);
      }
    });
  }

  it('receives the notice before the connection closes', async () => {
    const socket = new WebSocket(`${cluster.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
    const packets: string[] = [];
    socket.addEventListener('message', ({ data }) => {
      packets.push(String(data));
      if (String(data).startsWith('0')) socket.send(`40${JSON.stringify({ token: token(newUser('alice'), 2) })}`);
    });
    await once(socket, 'close');
    await eventually(() => expect(packets.at(-1)).to.match(/^42\["session_ended",\{"error":\{"code":"TOKEN_EXPIRED"/));
  });
});
