/*
 * Longer than 250 lines on purpose: one behaviour, on a cluster and in one gateway.
 */
import { once } from 'node:events';
import type { ErrorPayload, Problem } from '@chat-cluster/contracts';
import { createTokenRevocations } from '@chat-cluster/postgres';
import { createLogger, type Lifecycle, type Repetition } from '@chat-cluster/runtime';
import { api, eventually, freshDatabase, newUser, startTestCluster, type TestCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import jwt from 'jsonwebtoken';
import { type RawBuilder, sql } from 'kysely';
import { io, type Socket } from 'socket.io-client';
import type { Identity } from '../src/authenticate.ts';
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
    // Otherwise a client that found no gateway would go on trying, and the many of a restart would reach the limits.
    return Promise.race([connected, refused]).finally(() => socket.disconnect());
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
    expect(answer).to.deep.equal({
      status: 201,
      body: { revoked: { kind: 'user', subject: user, issuedBefore, endsAt: null } },
    });
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

  it('of a jti leaves a connection that has a new token without one', async () => {
    const user = newUser('alice');
    const replaced = crypto.randomUUID();
    const [renewed, other] = [client(sign(user, { jti: replaced })), client(sign(user, { jti: replaced }))];
    await Promise.all([once(renewed as never, 'connect'), once(other as never, 'connect')]);
    expect(await renewed.emitWithAck('refresh_token', { token: sign(user) })).to.include({ ok: true });
    const closed = once(other as never, 'disconnect');
    expect((await post({ jti: replaced })).status).to.equal(201);
    expect(await closed).to.deep.include('io server disconnect');
    expect(await renewed.emitWithAck('sync', { conversations: [] })).to.include({ ok: true });
  });

  it('needs the token of the administrators and a valid body', async () => {
    expect((await post({ jti: 'x' }, 'wrong')).status).to.equal(401);
    const bad = [
      {},
      { userId: '' },
      { userId: 'a', jti: 'b' },
      { jti: 7 },
      { userId: 'a', issuedBefore: 'today' },
      { everyone: false },
      { jti: 'a', expiresAt: 1 },
      { jti: 'a', issuedBefore: '2020-01-01T00:00:00Z' },
    ];
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
    }, 90_000);
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
    config: { JWT_MAX_AGE_MS: 0, MAX_REVOCATIONS: 3 },
  } as never as Pick<ConstructorParameters<typeof Revocations>[0], 'publisher' | 'subscriber' | 'config'>;
  afterEach(() => Promise.all(repetitions.splice(0).map((repetition) => repetition.stop())));

  const tokenOf = (user: string, issuedAt = 0, tokenId?: string): Identity =>
    ({ userId: user, issuedAt, expiresAt: 0, tokenId }) as Identity;

  it('are read from Postgres when no signal arrives, and keep the later of two times', async () => {
    await using database = await revocationsDatabase();
    const parts = { ...silence, store: database.store, readEveryMs: 20, logger, lifecycle };
    const [here, there] = [new Revocations(parts), new Revocations(parts)];
    await Promise.all([here.start(), there.start()]);
    const alice = newUser('alice');
    const [earlier, other] = [tokenOf(alice, Date.now() - 60_000), tokenOf(newUser('bob'), 0, 'a')];
    let changes = 0;
    there.onChange(() => changes++);
    expect((await here.revoke({ userId: alice })).status).to.equal(201);
    expect((await here.revoke({ userId: alice, issuedBefore: '2020-01-01T00:00:00Z' })).status).to.equal(201);
    expect((await here.revoke({ jti: 'a' })).status).to.equal(201);
    expect([here.isRevoked(earlier), here.isRevoked(other)]).to.deep.equal([true, true]);
    await eventually(() => expect([there.isRevoked(earlier), there.isRevoked(other)]).to.deep.equal([true, true]));
    expect(there.isRevoked(tokenOf(alice, Date.now() + 1_000))).to.equal(false);
    expect(changes).to.be.within(1, 2);
  });

  it('come with their signal, also while Postgres does not respond; a signal of an earlier version causes a read', async () => {
    await using database = await revocationsDatabase();
    let reads = 0;
    let signal = (_message: string) => {};
    const store = {
      ...database.store,
      changedSince: async (readAt: Date | undefined) => {
        if (reads++ > 0) throw new Error('no response');
        return database.store.changedSince(readAt);
      },
    };
    const subscriber = {
      subscribe: (_channel: string, listener: typeof signal) => {
        signal = listener;
        return new Promise(() => {});
      },
      onGap: () => {},
    } as never;
    const there = new Revocations({ ...silence, subscriber, store, logger, lifecycle });
    await there.start();
    const publisher = { publish: async (_channel: string, message: string) => signal(message) } as never;
    const here = new Revocations({ ...silence, publisher, store: database.store, logger, lifecycle });
    await here.revoke({ jti: 'a' });
    expect([there.isRevoked(tokenOf('bob', 0, 'a')), reads]).to.deep.equal([true, 1]);
    for (const message of ['', '{}', '{"kind": "user"}']) signal(message);
    expect(reads).to.equal(2);
  });

  it('are not known while Postgres is away', async () => {
    await using database = await revocationsDatabase();
    let away = true;
    const store = {
      ...database.store,
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

  it('are limited in number; a subject that is revoked already, and everyone, can always be revoked', async () => {
    await using database = await revocationsDatabase();
    const revocations = new Revocations({ ...silence, store: database.store, logger, lifecycle });
    await revocations.start();
    for (const body of [{ userId: 'alice' }, { jti: 'a' }, { jti: 'b' }]) {
      expect((await revocations.revoke(body)).status).to.equal(201);
    }
    const refused = await revocations.revoke({ userId: 'bob' });
    expect(refused.status).to.equal(409);
    expect(refused.body).to.have.nested.property('error.code', 'LIMIT_EXCEEDED');
    expect(refused.body).to.have.nested.property('error.message').that.includes('MAX_REVOCATIONS');
    expect(revocations.isRevoked(tokenOf('bob'))).to.equal(false);
    expect((await revocations.revoke({ userId: 'alice' })).status).to.equal(201);
    expect((await revocations.revoke({ everyone: true })).status).to.equal(201);
    expect(revocations.isRevoked(tokenOf('bob'))).to.equal(true);
    expect(revocations.isRevoked(tokenOf('bob', Date.now() + 1_000))).to.equal(false);
  });

  const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();
  const ENDS: { name: string; maxAgeMs: number; body: () => object; keptMs: number | null }[] = [
    { name: 'with neither expiry nor maximum age', maxAgeMs: 0, body: () => ({ jti: 'a' }), keptMs: null },
    { name: 'of a jti with its expiry', maxAgeMs: 0, body: () => ({ jti: 'a', expiresAt: inAnHour() }), keptMs: 3.6e6 },
    {
      name: 'of a user with an expiry',
      maxAgeMs: 0,
      body: () => ({ userId: 'a', expiresAt: inAnHour() }),
      keptMs: 3.6e6,
    },
    { name: 'with a maximum age', maxAgeMs: 7.2e6, body: () => ({ userId: 'a' }), keptMs: 7.2e6 },
    { name: 'with both', maxAgeMs: 60_000, body: () => ({ everyone: true, expiresAt: inAnHour() }), keptMs: 60_000 },
    {
      name: 'of expired tokens',
      maxAgeMs: 0,
      body: () => ({ jti: 'a', expiresAt: '2020-01-01T00:00:00Z' }),
      keptMs: 0,
    },
  ];
  for (const { name, maxAgeMs, body, keptMs } of ENDS) {
    it(`${name} are ${keptMs === null ? 'kept' : 'deleted an hour after their tokens have expired'}`, async () => {
      await using database = await revocationsDatabase();
      const config = { JWT_MAX_AGE_MS: maxAgeMs, MAX_REVOCATIONS: 3 };
      const parts = { ...silence, store: database.store, config, readEveryMs: 20, logger, lifecycle };
      const before = new Revocations(parts);
      await before.start();
      expect((await before.revoke(body())).status).to.equal(201);
      const rest = keptMs ?? 10 * 365 * 86_400_000;

      await database.age(rest + 3_000_000);
      expect(await database.store.purge()).to.equal(0);
      const after = new Revocations({ ...parts, purgeEveryMs: 20 });
      await after.start();
      const token = tokenOf('a', 0, 'a');
      expect(after.isRevoked(token)).to.equal(true);

      await database.age(1_200_000);
      if (keptMs === null) {
        expect(await database.store.purge()).to.equal(0);
        expect(after.isRevoked(token)).to.equal(true);
        return;
      }
      await eventually(async () => expect(await database.count()).to.equal(0));
      const later = new Revocations(parts);
      await later.start();
      expect(later.isRevoked(token)).to.equal(false);
    });
  }

  it('leave the memory of a gateway when they have ended, by the clock of Postgres', async () => {
    await using database = await revocationsDatabase();
    let ahead = 0;
    const store = {
      ...database.store,
      changedSince: async (readAt: Date | undefined) => {
        const { changes, readAt: now } = await database.store.changedSince(readAt);
        return { changes, readAt: new Date(now.getTime() + ahead) };
      },
    };
    const revocations = new Revocations({ ...silence, store, readEveryMs: 10, purgeEveryMs: 10, logger, lifecycle });
    await revocations.start();
    await revocations.revoke({ jti: 'a', expiresAt: inAnHour() });
    const token = tokenOf('bob', 0, 'a');
    const realNow = Date.now;
    try {
      let purges = 0;
      store.purge = async () => {
        purges++;
        return 0;
      };
      Date.now = () => realNow() + 10 * 86_400_000;
      await eventually(() => expect(purges).to.be.greaterThan(2));
    } finally {
      Date.now = realNow;
    }
    expect(revocations.isRevoked(token)).to.equal(true);
    ahead = 10_800_000;
    await eventually(() => expect(revocations.isRevoked(token)).to.equal(false));
  });

  it('that a gateway of an earlier version renews are kept for as long as before', async () => {
    await using database = await revocationsDatabase();
    const revocation = { kind: 'user' as const, subject: 'alice', issuedBefore: new Date() };
    await database.store.add({ ...revocation, keptMs: 3_600_000 });
    await database.age(3 * 3_600_000);
    // The statement of a version without the column.
    await sql`
      insert into token_revocations as known (kind, subject, issued_before) values ('user', 'alice', now())
      on conflict (kind, subject) do update
      set issued_before = greatest(known.issued_before, excluded.issued_before), changed_at = now()`.execute(
      database.db,
    );
    expect(await database.store.purge()).to.equal(0);
    await database.age(3 * 3_600_000);
    expect(await database.store.purge()).to.equal(1);
  });

  it('that are renewed during a purge stay', async () => {
    await using database = await revocationsDatabase();
    const revocation = { kind: 'token' as const, subject: 'a', issuedBefore: new Date(), keptMs: 0 };
    await database.store.add(revocation);
    await database.age(2 * 3_600_000);
    const renewal = await database.db.startTransaction().execute();
    await createTokenRevocations(renewal as never).add(revocation);
    const purged = database.store.purge();
    await eventually(async () => expect(await database.waiting()).to.equal(1));
    await renewal.commit().execute();
    expect(await purged).to.equal(0);
    expect(await database.count()).to.equal(1);
  });
});

async function revocationsDatabase() {
  const { db, drop } = await freshDatabase();
  const count = async (query: RawBuilder<{ count: number }>) => Number((await query.execute(db)).rows[0]?.count);
  return {
    db,
    store: createTokenRevocations(db),
    /** Makes all revocations older. */
    age: (ms: number) =>
      sql`update token_revocations set changed_at = changed_at - ${ms} * interval '1 ms'`.execute(db),
    count: () => count(sql`select count(*) as count from token_revocations`),
    /** Statements of this database that wait for a lock. */
    waiting: () =>
      count(sql`select count(*) as count from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`),
    [Symbol.asyncDispose]: drop,
  };
}
