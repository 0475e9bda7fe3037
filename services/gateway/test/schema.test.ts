import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort, repository } from '@chat-cluster/local-cluster';
import { MIGRATIONS, migrate } from '@chat-cluster/postgres';
import { connect, emptyDatabase, eventually, newUser, openConversation, privateServers } from '@chat-cluster/testkit';
import { expect } from 'chai';

const jwtSecret = 'a secret of the tests, 32 characters';
/** Migrations that the services need. */
/** Time limit for three processes that start side by side on a busy machine, in ms. */
const WITHIN_MS = 80_000;

const expands = Object.keys(MIGRATIONS).filter((name) => MIGRATIONS[name]?.phase !== 'contract');

describe('services on a database that was not migrated', () => {
  const processes: ChildProcess[] = [];
  let database: Awaited<ReturnType<typeof emptyDatabase>>;

  before(async () => {
    database = await emptyDatabase();
  });
  after(async () => {
    for (const one of processes) one.kill('SIGKILL');
    await database.drop();
  });

  async function start(
    kind: 'gateway' | 'worker',
  ): Promise<{ process: ChildProcess; port: number; adminPort: number }> {
    const { redis } = await privateServers();
    const [port, adminPort] = [await freePort(), await freePort()];
    const env = {
      HOST: '127.0.0.1',
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      JWT_SECRET: jwtSecret,
      LOG_LEVEL: 'silent',
    };
    const child = spawn(process.execPath, [join(repository, 'services', kind, 'src/main.ts')], {
      env: { ...process.env, ...env },
      stdio: 'ignore',
    });
    processes.push(child);
    return { process: child, port, adminPort };
  }

  async function probe({ adminPort }: { adminPort: number }, path: string): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`http://127.0.0.1:${adminPort}${path}`);
    return { status: response.status, body: await response.json() };
  }

  it('stay alive but not ready, name the command, and serve once it has run, also on a newer schema', async () => {
    const [gateway, worker, third] = await Promise.all([start('gateway'), start('worker'), start('worker')]);
    for (const one of [gateway, worker, third]) {
      await eventually(async () => {
        expect(await probe(one, '/readyz')).to.deep.equal({
          status: 503,
          body: {
            ready: false,
            reason: 'schema',
            checks: {
              schema: `older than this version: ${expands.join(', ')} missing; run node packages/postgres/src/migrate.ts`,
            },
          },
        });
      }, WITHIN_MS);
      expect((await probe(one, '/healthz')).status).to.equal(200);
    }
    const ended = once(third.process, 'exit');
    third.process.kill('SIGTERM');
    expect(await ended, 'a stop while it waits').to.deep.equal([0, null]);

    await migrate(database.url, { migrations: { ...MIGRATIONS, '900-later': { up: async () => {} } } });
    for (const one of [gateway, worker]) {
      await eventually(async () => {
        expect((await probe(one, '/readyz')).body).to.deep.equal({
          ready: true,
          checks: { postgres: 'ok', redis: 'ok', schema: 'ok' },
        });
      }, WITHIN_MS);
    }
    const target = { url: `http://127.0.0.1:${gateway.port}`, jwtSecret };
    const [a, b] = [newUser('a'), newUser('b')];
    const conversationId = await openConversation(target, a, b);
    const client = await connect(target, a);
    expect(await client.send({ conversationId, content: 'hello' })).to.have.property('ok', true);
    client.close();
  });
});
