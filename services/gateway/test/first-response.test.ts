import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { freePort, repository } from '@chat-cluster/local-cluster';
import { askRedis, eventually, freshDatabase, privateServers, queryPostgres } from '@chat-cluster/testkit';
import { expect } from 'chai';

/** Time limit for a process that starts on a busy machine, in ms. */
const WITHIN_MS = 60_000;
const RIGHT = 'right-password-of-the-test';
const LATER = 'hush-password-of-the-deploy';

describe('a process whose servers refuse it', () => {
  const processes: ChildProcess[] = [];
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let servers: { DATABASE_URL: string; REDIS_URL: string };

  before(async () => {
    database = await freshDatabase();
    servers = { DATABASE_URL: database.url, REDIS_URL: (await privateServers()).redis.url };
  });
  afterEach(async () => {
    for (const one of processes.splice(0)) {
      const ended = one.exitCode === null && one.signalCode === null ? once(one, 'exit') : undefined;
      one.kill('SIGKILL');
      await ended;
    }
  });
  after(async () => {
    await database.drop();
  });

  async function start(kind: 'gateway' | 'worker', env: Record<string, string>) {
    const [port, adminPort] = [await freePort(), await freePort()];
    const ports = { HOST: '127.0.0.1', PORT: String(port), ADMIN_PORT: String(adminPort) };
    const settings = {
      ...servers,
      ...ports,
      JWT_SECRET: 'a secret of the tests',
      LOG_LEVEL: 'warn',
      LOG_FORMAT: 'json',
    };
    const child = spawn(process.execPath, [join(repository, 'services', kind, 'src/main.ts')], {
      env: { PATH: process.env.PATH, ...settings, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    processes.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    const admin = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${adminPort}${path}`);
      return { status: response.status, body: (await response.json()) as { reason?: string; checks: object } };
    };
    return {
      admin,
      output: () => output,
      isPublic: () =>
        fetch(`http://127.0.0.1:${port}/readyz`).then(
          () => true,
          () => false,
        ),
    };
  }

  type Started = Awaited<ReturnType<typeof start>>;

  /** It is alive and not ready, logs `message` with the setting, and never shows the password. */
  async function waits(one: Started, setting: string, message: RegExp) {
    await eventually(async () => {
      const lines = one
        .output()
        .split('\n')
        .filter((line) => line.includes(`"setting":"${setting}"`));
      expect(lines.join('\n')).to.match(message);
      expect(one.output()).to.not.include(LATER);
    }, WITHIN_MS);
    expect((await one.admin('/healthz')).status).to.equal(200);
    expect((await one.admin('/readyz')).status).to.equal(503);
    expect((await one.admin('/readyz')).body.reason).to.equal('starting');
    expect(await one.isPublic()).to.equal(false);
  }

  const serves = (one: Started) =>
    eventually(async () => expect((await one.admin('/readyz')).status, one.output()).to.equal(200), WITHIN_MS);

  function withPassword(url: string, user: string, password: string): string {
    return Object.assign(new URL(url), { username: user, password }).href;
  }

  for (const kind of ['gateway', 'worker'] as const) {
    it(`(${kind}) is not ready while Postgres refuses its password, and serves once the password is right`, async () => {
      const role = `late_${kind}`;
      await queryPostgres(database.url, `create role ${role} login superuser password '${RIGHT}'`);
      try {
        const one = await start(kind, { DATABASE_URL: withPassword(database.url, role, LATER) });
        await waits(one, 'DATABASE_URL', /28P01: .*; correct the user and the password of DATABASE_URL/);
        await queryPostgres(database.url, `alter role ${role} password '${LATER}'`);
        await serves(one);
      } finally {
        await queryPostgres(database.url, `drop role ${role}`);
      }
    });

    it(`(${kind}) is not ready while a Redis of any purpose refuses its password, and serves once it is right`, async () => {
      const user = `late-${kind}`;
      const url = withPassword(servers.REDIS_URL, user, LATER);
      for (const setting of ['REDIS_PUBSUB_URL', 'REDIS_QUEUE_URLS', 'REDIS_CACHE_URL']) {
        await askRedis(servers.REDIS_URL, 'ACL', 'SETUSER', user, 'reset', 'on', `>${RIGHT}`, '~*', '&*', '+@all');
        const one = await start(kind, { [setting]: url });
        const name = setting === 'REDIS_QUEUE_URLS' ? 'REDIS_QUEUE_URLS[0]' : setting;
        await waits(one, name, /WRONGPASS .*correct them in the REDIS_… URL/);
        await askRedis(servers.REDIS_URL, 'ACL', 'SETUSER', user, `>${LATER}`);
        await serves(one);
      }
      await askRedis(servers.REDIS_URL, 'ACL', 'DELUSER', user);
    });
  }

  it('is not ready with an unknown database, nor with an unknown host', async () => {
    const unknown = Object.assign(new URL(database.url), { pathname: '/no_such_database' }).href;
    const nowhere = Object.assign(new URL(database.url), { port: String(await freePort()) }).href;
    const [gateway, worker] = await Promise.all([
      start('gateway', { DATABASE_URL: unknown }),
      start('worker', { DATABASE_URL: nowhere }),
    ]);
    await waits(gateway, 'DATABASE_URL', /3D000: .*; correct the database of DATABASE_URL, or create it and run /);
    await waits(worker, 'DATABASE_URL', /ECONNREFUSED: .*; start Postgres, or correct the host and port/);
  });

  it('is not ready before the keys of its tokens are read', async () => {
    let isBroken = true;
    const issuer = createServer((_, response) => response.writeHead(isBroken ? 500 : 200).end('{"keys": []}'));
    issuer.listen(0, '127.0.0.1');
    await once(issuer, 'listening');
    try {
      const url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/`;
      const gateway = await start('gateway', { JWT_JWKS_URL: url });
      await eventually(async () => expect(gateway.output()).to.match(/JWT_JWKS_URL: failed, retrying/), WITHIN_MS);
      expect((await gateway.admin('/readyz')).body).to.deep.include({
        reason: 'starting',
        checks: { keys: 'not read yet' },
      });
      isBroken = false;
      await serves(gateway);
    } finally {
      issuer.close();
      issuer.closeAllConnections();
    }
  });

  it('is not ready with several gateway processes either, and serves once the password is right', async () => {
    await queryPostgres(database.url, `create role late_forks login superuser password '${RIGHT}'`);
    try {
      const DATABASE_URL = withPassword(database.url, 'late_forks', LATER);
      const gateway = await start('gateway', { GATEWAY_PROCESSES: '2', DATABASE_URL });
      await eventually(() => expect(gateway.output()).to.match(/28P01/), WITHIN_MS);
      expect((await gateway.admin('/readyz')).body).to.deep.include({ ready: false, reason: 'starting' });
      await queryPostgres(database.url, `alter role late_forks password '${LATER}'`);
      await serves(gateway);
    } finally {
      await queryPostgres(database.url, 'drop role late_forks');
    }
  });
});
