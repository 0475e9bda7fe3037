import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ErrorPayload, Problem } from '@chat-cluster/contracts';
import { askRedis, eventually, type FaultCluster, newUser, startFaultCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { decodeJwt, exportJWK, SignJWT } from 'jose';
import { io, type Socket } from 'socket.io-client';

/*
 * Tokens on two gateways: a rotated key set, an expired, a refreshed and a revoked token, in each situation of the
 * cluster. A case acts, and checks what live clients notice; `later` checks new clients, also after everything has
 * restarted. Devices are stock clients, by websocket and by long-polling, on both gateways.
 */
const SITUATIONS: Record<string, { begin?(): Promise<unknown>; end?(): Promise<unknown> }> = {
  'with all parts up': {},
  'while Redis is stopped': { begin: () => cluster.redis.kill(), end: () => cluster.redis.start() },
  'while Redis hangs': { begin: () => cluster.redis.pause(), end: () => cluster.redis.resume() },
};

interface Case {
  name: string;
  act(): Promise<void>;
  later(): Promise<void>;
}

/** The cases of one situation, each with users of its own. */
const CASES: (() => Case)[] = [
  () => {
    const user = newUser('rotated');
    let oldToken = '';
    return {
      name: 'a rotated key set: the new key is accepted, the old one refused; sockets stay',
      async act() {
        oldToken = await sign(user, { key: issuer.rotating });
        const devices = await connectDevices(() => oldToken);
        issuer.rotating = createKey();
        const newToken = await sign(user, { key: issuer.rotating });
        // An unknown key is looked up at once, but not more often than every 10 s.
        await eventually(() => expectEverywhere(newToken, 'ok'));
        await expectEverywhere(oldToken, 'TOKEN_INVALID');
        for (const device of devices) expect(device.lost, device.name).to.equal(0);
      },
      async later() {
        await expectEverywhere(oldToken, 'TOKEN_INVALID');
      },
    };
  },
  () => {
    const user = newUser('expired');
    let short = '';
    return {
      name: 'an expired token: a stock client recovers when its auth function returns a new one, and else stays away',
      async act() {
        short = await sign(user, { seconds: 6 });
        const fresh = await sign(user);
        const renewing = await connectDevices((attempt) => (attempt === 1 ? short : fresh));
        const stale = await connectDevices(() => short);
        for (const device of [...renewing, ...stale]) {
          await eventually(() => expect(device.ends, device.name).to.deep.equal(['TOKEN_EXPIRED', 'transport close']));
        }
        for (const { name, socket } of renewing) {
          await eventually(() => expect(socket.connected, name).to.equal(true));
          expect(await socket.timeout(10_000).emitWithAck('sync', { conversations: [] }), name).to.include({
            ok: true,
          });
        }
        for (const device of stale) {
          await eventually(() => expect(device.refusals, device.name).to.include('TOKEN_EXPIRED'));
          expect(device.socket.connected, device.name).to.equal(false);
        }
      },
      later: () => expectEverywhere(short, 'TOKEN_EXPIRED'),
    };
  },
  () => {
    const user = newUser('refreshed');
    let fresh = '';
    return {
      name: 'a refreshed token: the socket outlives the first token',
      async act() {
        const short = await sign(user, { seconds: 6 });
        fresh = await sign(user);
        const devices = await connectDevices(() => short);
        const others = await connectDevices(() => short);
        const ids = devices.map(({ socket }) => socket.id);
        for (const { name, socket } of devices) {
          const ack = await socket.timeout(10_000).emitWithAck('refresh_token', { token: fresh });
          expect(ack, name).to.include({ ok: true });
        }
        for (const { name, ends } of others) {
          await eventually(() => expect(ends, name).to.deep.equal(['TOKEN_EXPIRED', 'transport close']));
        }
        expect(devices.map(({ socket }) => socket.id)).to.deep.equal(ids);
        for (const { name, socket } of devices) {
          expect(await socket.timeout(10_000).emitWithAck('sync', { conversations: [] }), name).to.include({
            ok: true,
          });
        }
      },
      later: () => expectEverywhere(fresh, 'ok'),
    };
  },
  () => {
    const user = newUser('revoked');
    let [revoked, renewed] = ['', ''];
    return {
      name: 'a revoked user: all sockets close and stay closed; a new login is accepted',
      async act() {
        revoked = await sign(user, { age: 60 });
        renewed = await sign(user);
        const devices = await connectDevices(() => revoked);
        const others = await connectDevices(() => renewed);
        await revoke({ userId: user, issuedBefore: new Date(Date.now() - 30_000).toISOString() });
        await expectRevoked(devices);
        for (const { name, lost } of others) expect(lost, name).to.equal(0);
      },
      async later() {
        await expectEverywhere(revoked, 'TOKEN_REVOKED');
        await expectEverywhere(renewed, 'ok');
      },
    };
  },
  () => {
    const user = newUser('lost');
    let [lost, kept] = ['', ''];
    return {
      name: 'a revoked jti: only the sockets of this token close',
      async act() {
        const id = crypto.randomUUID();
        [lost, kept] = [await sign(user, { id }), await sign(user, { id: crypto.randomUUID() })];
        const devices = await connectDevices(() => lost);
        const others = await connectDevices(() => kept);
        await revoke({ jti: id, expiresAt: new Date(Date.now() + 3_600_000).toISOString() });
        await expectRevoked(devices);
        for (const { name, lost } of others) expect(lost, name).to.equal(0);
      },
      async later() {
        await expectEverywhere(lost, 'TOKEN_REVOKED');
        await expectEverywhere(kept, 'ok');
      },
    };
  },
];

const ADMIN_TOKEN = 'token-of-the-administrators';
let cluster: FaultCluster;

describe('identity on two gateways', () => {
  const earlier: { situation: string; one: Case }[] = [];

  before(async () => {
    await startIssuer();
    cluster = await startFaultCluster({
      gateways: 2,
      workers: 1,
      env: { ADMIN_TOKEN, JWT_CLOCK_TOLERANCE_MS: '0', JWT_JWKS_URL: issuer.url, CONNECTS_PER_SECOND_PER_USER: '100' },
    });
  });
  after(async () => {
    await cluster?.[Symbol.asyncDispose]();
    issuer.server.closeAllConnections();
    issuer.server.close();
  });
  afterEach(() => {
    for (const socket of open.splice(0)) socket.disconnect();
  });

  for (const [situation, { begin, end }] of Object.entries(SITUATIONS)) {
    describe(situation, () => {
      before(() => begin?.());
      after(() => end?.());
      for (const makeCase of CASES) {
        const one = makeCase();
        earlier.push({ situation, one });
        it(one.name, async () => {
          await one.act();
          await one.later();
        });
      }
    });
  }

  it('a revocation reaches the other gateway by its signal alone, while that gateway cannot read Postgres', async () => {
    const token = await sign(newUser('signalled'), { id: crypto.randomUUID() });
    const { jti } = decodeJwt(token);
    const devices = await connectDevices(() => token);
    const link = cluster.gateways[1]?.postgres;
    link?.set({ kind: 'blackhole' });
    try {
      await revoke({ jti });
      await expectRevoked(devices);
    } finally {
      link?.set({ kind: 'pass' });
    }
  });

  describe('after a restart of everything, with an empty Redis', () => {
    before(async () => {
      for (const service of [...cluster.gateways, ...cluster.workers]) service.kill();
      await askRedis(cluster.redis.url, 'FLUSHALL');
      await Promise.all([cluster.redis.kill(), cluster.postgres.kill()]);
      await Promise.all([cluster.redis.start(), cluster.postgres.start()]);
      await eventually(async () => {
        for (const gateway of cluster.gateways) expect(await gateway.isReady()).to.equal(true);
      }, 90_000);
    });

    for (const { situation, one } of earlier) {
      it(`holds as it did ${situation}: ${one.name}`, () => one.later());
    }

    for (const makeCase of CASES) {
      const one = makeCase();
      it(one.name, async () => {
        await one.act();
        await one.later();
      });
    }
  });
});

/** The application that signs tokens, with two keys: one stays, the other one rotates. */
const issuer = {
  kept: createKey(),
  rotating: createKey(),
  url: '',
  server: createServer(async (_request, response) => {
    const keys = [issuer.kept, issuer.rotating].map(async ({ kid, publicKey }) => ({
      ...(await exportJWK(publicKey)),
      kid,
      alg: 'EdDSA',
    }));
    response.end(JSON.stringify({ keys: await Promise.all(keys) }));
  }),
};

function createKey() {
  return { kid: crypto.randomUUID(), ...generateKeyPairSync('ed25519') };
}

async function startIssuer(): Promise<void> {
  await once(issuer.server.listen(0, '127.0.0.1'), 'listening');
  issuer.url = `http://127.0.0.1:${(issuer.server.address() as AddressInfo).port}/jwks.json`;
}

/** A token that was issued `age` s ago and is valid for `seconds` from now on. */
function sign(user: string, { age = 0, seconds = 600, id = '', key = issuer.kept } = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1_000);
  const token = new SignJWT({ sub: user, ...(id === '' ? {} : { jti: id }) })
    .setProtectedHeader({ alg: 'EdDSA', kid: key.kid })
    .setIssuedAt(now - age)
    .setExpirationTime(now + seconds);
  return token.sign(key.privateKey);
}

/** A stock client, and what it has noticed. */
interface Device {
  name: string;
  socket: Socket;
  /** Number of disconnects. */
  lost: number;
  /** The code of each `session_ended`, and the reason of each disconnect. */
  ends: string[];
  /** The code of each `connect_error`. */
  refusals: string[];
}

const open: Socket[] = [];

/** Connected devices on both gateways, on both transports. `tokenOf` returns the token of each attempt: 1, 2, … */
function connectDevices(tokenOf: (attempt: number) => string): Promise<Device[]> {
  const places = cluster.gateways.flatMap((gateway) =>
    ['websocket', 'polling'].map((transport) => ({ gateway, transport })),
  );
  return Promise.all(
    places.map(async ({ gateway, transport }) => {
      let attempts = 0;
      const socket = io(`http://127.0.0.1:${gateway.port}`, {
        forceNew: true,
        transports: [transport],
        reconnectionDelay: 50,
        auth: (send) => send({ token: tokenOf(++attempts) }),
      });
      open.push(socket);
      const device: Device = { name: `${gateway.name}, ${transport}`, socket, lost: 0, ends: [], refusals: [] };
      socket.on('session_ended', ({ error }: { error: ErrorPayload }) => device.ends.push(error.code));
      socket.on('disconnect', (reason) => {
        device.lost++;
        device.ends.push(reason);
      });
      socket.on('connect_error', (error: Error & { data?: ErrorPayload }) =>
        device.refusals.push(error.data?.code ?? error.message),
      );
      await once(socket as never, 'connect');
      return device;
    }),
  );
}

/** Revokes by the first gateway. The second one follows by the signal, or by its next read. */
async function revoke(body: object): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${cluster.gateways[0]?.adminPort}/revocations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    body: JSON.stringify(body),
  });
  expect(response.status, await response.text()).to.equal(201);
}

async function expectRevoked(devices: Device[]): Promise<void> {
  for (const { name, socket, ends } of devices) {
    await eventually(() => expect(ends, name).to.deep.equal(['TOKEN_REVOKED', 'io server disconnect']), 60_000);
    expect(socket.active, name).to.equal(false);
  }
}

/** Presents the token to both gateways, by REST and as a new socket: `ok`, or the code of the refusal. */
async function expectEverywhere(token: string, expected: string): Promise<void> {
  for (const { name, port } of cluster.gateways) {
    const url = `http://127.0.0.1:${port}`;
    expect(await outcomeOfRequest(url, token), `${name}, REST`).to.equal(expected);
    for (const transport of ['websocket', 'polling']) {
      expect(await outcomeOfConnect(url, token, transport), `${name}, ${transport}`).to.equal(expected);
    }
  }
}

async function outcomeOfRequest(url: string, token: string): Promise<string> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${url}/api/messages/conversations`, { headers });
  const body = await response.json();
  return response.ok ? 'ok' : (body as Problem).error.code;
}

async function outcomeOfConnect(url: string, token: string, transport: string): Promise<string> {
  const socket = io(url, { forceNew: true, reconnection: false, transports: [transport], auth: { token } });
  const connected = once(socket as never, 'connect').then(() => 'ok');
  const refused = once(socket as never, 'connect_error').then(([error]) => String(error.data?.code ?? error.message));
  return Promise.race([connected, refused]).finally(() => socket.disconnect());
}
