import { once } from 'node:events';
import type { ErrorPayload, Problem } from '@chat-cluster/contracts';
import { createTokenRevocations } from '@chat-cluster/postgres';
import { createLogger, type Lifecycle, type Repetition } from '@chat-cluster/runtime';
import { api, eventually, freshDatabase, newUser, startTestCluster, type TestCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import jwt from 'jsonwebtoken';
import { io, type Socket } from 'socket.io-client';
import { Revocations } from '../src/revocations.ts';

const ADMIN_TOKEN = 'token-of-the-administrators';

describe('a revocation', () => {
  let cluster: TestCluster;
  const open: Socket[] = [];

  before(async () => {
    cluster = await startTestCluster({ gatewayProcesses: 2, env: { ADMIN_TOKEN } });
  });
  after(() => cluster.stop());
  afterEach(() => {
    for (const socket of open.splice(0)) socket.disconnect();
  });

  function sign(user: string, claims: object = {}): string {
    return jwt.sign({ sub: user, ...claims }, cluster.jwtSecret, { expiresIn: 600 });
  }

  async function post(body: object, token = ADMIN_TOKEN): Promise<{ status: number; body: unknown }> {
    const port = cluster.processes.find(({ name }) => name === 'gateway')?.adminPort;
    const response = await fetch(`http://127.0.0.1:${port}/revocations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  }

  function client(token: string, transport = 'websocket'): Socket {
    const socket = io(cluster.url, {
      forceNew: true,
      transports: [transport],
      reconnectionDelay: 10,
      auth: { token },
    });
    open.push(socket);
    return socket;
  }

  /** Connected devices on both gateways. */
  function devices(token: string): Promise<Socket[]> {
    return eventually(async () => {
      const sockets = await Promise.all(
        Array.from({ length: 6 }, async () => {
          const socket = client(token);
          const [session] = await once(socket as never, 'session');
          return { socket, gatewayId: session.gatewayId };
        }),
      );
      if (new Set(sockets.map(({ gatewayId }) => gatewayId)).size < 2) throw new Error('all are on one gateway');
      return sockets.map(({ socket }) => socket);
    });
  }

  async function refusalOf(token: string): Promise<ErrorPayload | undefined> {
    const socket = client(token);
    const connected = once(socket as never, 'connect').then(() => undefined);
    const refused = once(socket as never, 'connect_error').then(([error]) => error.data);
    return Promise.race([connected, refused]);
  }

  it("of a user's tokens closes the sockets on all gateways; stock clients stay away; a new token is accepted", async () => {
    const user = newUser('alice');
    const token = sign(user, { iat: Math.floor(Date.now() / 1_000) - 10 });
    const bystander = client(sign(newUser('bob')));
    await once(bystander as never, 'connect');
    const sockets = await devices(token);
    const ends = sockets.map(async (socket) => {
      const notice = once(socket as never, 'session_ended');
      const [reason] = await once(socket as never, 'disconnect');
      return [reason, ((await notice) as [{ error: ErrorPayload }])[0].error.code];
    });
    const started = performance.now();
    const issuedBefore = new Date(Date.now() - 5_000).toISOString();
    const answer = await post({ userId: user, issuedBefore });
    expect(answer).to.deep.equal({ status: 201, body: { revoked: { kind: 'user', subject: user, issuedBefore } } });
    for (const end of await Promise.all(ends)) expect(end).to.deep.equal(['io server disconnect', 'TOKEN_REVOKED']);
    expect(performance.now() - started).to.be.below(5_000);
    for (const socket of sockets) expect(socket.active).to.equal(false);
    expect(bystander.connected).to.equal(true);

    expect(await refusalOf(token)).to.include({ code: 'TOKEN_REVOKED', retryable: false });
    for (let i = 0; i < 6; i++) {
      const rest = await fetch(`${cluster.url}/api/messages/conversations`, {
        headers: { authorization: `Bearer ${token}` },
      });
      expect([rest.status, ((await rest.json()) as Problem).error.code]).to.deep.equal([401, 'TOKEN_REVOKED']);
    }
    expect(await refusalOf(sign(user))).to.equal(undefined);
    expect((await api(cluster, user, 'GET', '/api/messages/conversations')).status).to.equal(200);
  });

  it('of one jti leaves the other tokens of the user, also in refresh_token', async () => {
    const user = newUser('alice');
    const [lost, kept] = [crypto.randomUUID(), crypto.randomUUID()];
    const phone = client(sign(user, { jti: lost }), 'polling');
    const laptop = client(sign(user, { jti: kept }));
    await Promise.all([once(phone as never, 'connect'), once(laptop as never, 'connect')]);
    const closed = once(phone as never, 'disconnect');
    expect((await post({ jti: lost })).status).to.equal(201);
    expect(await closed).to.deep.include('io server disconnect');
    expect(await refusalOf(sign(user, { jti: lost }))).to.include({ code: 'TOKEN_REVOKED' });
    expect((await laptop.emitWithAck('refresh_token', { token: sign(user, { jti: lost }) })).error.code).to.equal(
      'TOKEN_REVOKED',
    );
    expect(await laptop.emitWithAck('sync', { conversations: [] })).to.include({ ok: true });
  });

  it('needs the token of the administrators and a valid body', async () => {
    expect((await post({ jti: 'x' }, 'wrong')).status).to.equal(401);
    const bad = [{}, { userId: '' }, { userId: 'a', jti: 'b' }, { jti: 7 }, { userId: 'a', issuedBefore: 'today' }];
    const future = { userId: 'a', issuedBefore: new Date(Date.now() + 60_000).toISOString() };
    for (const body of [...bad, future]) {
      const answer = await post(body);
      expect(answer.status, JSON.stringify(body)).to.equal(400);
      expect(answer.body).to.have.nested.property('error.code', 'VALIDATION_FAILED');
    }
  });

  it('is known to a gateway that starts later, before it accepts anyone', async () => {
    const user = newUser('alice');
    const token = sign(user, { iat: Math.floor(Date.now() / 1_000) - 10 });
    expect((await post({ userId: user })).status).to.equal(201);
    const pid = cluster.processes.find(({ name }) => name === 'gateway')?.pid ?? 0;
    process.kill(pid, 'SIGKILL');
    await eventually(async () => {
      expect(cluster.processes.find(({ name }) => name === 'gateway')?.pid).to.not.equal(pid);
      expect(await refusalOf(token)).to.include({ code: 'TOKEN_REVOKED' });
    });
  });
});

describe('the revocations of a gateway', () => {
  const repetitions: Repetition[] = [];
  const lifecycle = {
    own(_name: string, value: Repetition) {
      repetitions.push(value);
      return value;
    },
  } as unknown as Lifecycle;
  const logger = createLogger({ name: 'test', level: 'fatal', format: 'json' });
  const silence = {
    publisher: { publish: () => Promise.reject(new Error('Redis is away')) },
    subscriber: { subscribe: () => new Promise(() => {}), onGap: () => {} },
  } as never as Pick<ConstructorParameters<typeof Revocations>[0], 'publisher' | 'subscriber'>;
  afterEach(() => Promise.all(repetitions.splice(0).map((repetition) => repetition.stop())));

  it('are read from Postgres when no signal arrives, and keep the later of two times', async () => {
    await using database = await revocationsDatabase();
    const parts = { ...silence, store: database.store, readEveryMs: 20, logger, lifecycle };
    const [here, there] = [new Revocations(parts), new Revocations(parts)];
    await Promise.all([here.start(), there.start()]);
    const identity = { userId: newUser('alice') as never, issuedAt: Date.now() - 60_000, expiresAt: 0 };
    const other = { userId: newUser('bob') as never, issuedAt: 0, expiresAt: 0, tokenId: 'a' };
    let changes = 0;
    there.onChange(() => changes++);
    expect((await here.revoke({ userId: identity.userId })).status).to.equal(201);
    expect((await here.revoke({ userId: identity.userId, issuedBefore: '2020-01-01T00:00:00Z' })).status).to.equal(201);
    expect((await here.revoke({ jti: 'a' })).status).to.equal(201);
    expect([here.isRevoked(identity), here.isRevoked(other)]).to.deep.equal([true, true]);
    await eventually(() => expect([there.isRevoked(identity), there.isRevoked(other)]).to.deep.equal([true, true]));
    expect(there.isRevoked({ ...identity, issuedAt: Date.now() + 1_000 })).to.equal(false);
    expect(changes).to.be.within(1, 2);
  });

  it('are not known while Postgres is away', async () => {
    await using database = await revocationsDatabase();
    let away = true;
    const store = {
      add: database.store.add,
      changedSince: (readAt: Date | undefined) =>
        away ? Promise.reject(new Error('away')) : database.store.changedSince(readAt),
    };
    const revocations = new Revocations({ ...silence, store, logger, lifecycle });
    const started = revocations.start();
    await new Promise(setImmediate);
    expect(revocations.areKnown).to.equal(false);
    away = false;
    await started;
    expect(revocations.areKnown).to.equal(true);
  });
});

async function revocationsDatabase() {
  const { db, drop } = await freshDatabase();
  return { store: createTokenRevocations(db), [Symbol.asyncDispose]: drop };
}
