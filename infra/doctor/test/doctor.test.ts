import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { signToken } from '@chat-cluster/local-cluster';
import { ConfigError, UserError } from '@chat-cluster/runtime';
import {
  askRedis,
  eventually,
  type FaultCluster,
  privateServers,
  startFaultCluster,
  startFaultProxy,
} from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';
import { examine } from '../src/examine.ts';
import type { Finding } from '../src/finding.ts';
import { readDeployment } from '../src/options.ts';
import { proxyWithIdleTimeout, proxyWithoutUpgrades } from './faulty-proxies.ts';

/** Runs on a real cluster. Each test adds one misconfiguration: doctor must report this one and no other. */
describe('doctor', () => {
  let cluster: FaultCluster;
  /** Checks that fail on the unchanged cluster. */
  let failedBefore: string[];

  before(async () => {
    cluster = await startFaultCluster({ gateways: 2, workers: 1 });
    failedBefore = failures(await runDoctor());
  });
  after(() => cluster[Symbol.asyncDispose]());

  const adminUrl = (n = 0) => `http://127.0.0.1:${cluster.gateways[n]?.adminPort}`;
  const gatewayPort = () => cluster.gateways[0]?.port ?? 0;

  async function runDoctor(args: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Finding[]> {
    const deployment = readDeployment(
      ['--url', `http://127.0.0.1:${gatewayPort()}`, '--admin', adminUrl(), '--grace', '60', ...args],
      {
        DATABASE_URL: cluster.postgres.url,
        REDIS_URL: cluster.redis.url,
        JWT_SECRET: cluster.jwtSecret,
        LANES: String(cluster.lanes),
        ...env,
      },
    );
    if (!deployment) throw new Error('no deployment');
    return examine(args.includes('--idle') ? deployment : { ...deployment, idleMs: 100 });
  }

  const failures = (findings: Finding[]) =>
    findings.filter(({ state }) => state === 'failed').map(({ check }) => check);

  /** Asserts that these checks failed, each with a fix, and no other. */
  function expectFailed(findings: Finding[], ...checks: RegExp[]): void {
    const failed = findings.filter(({ state, check }) => state === 'failed' && !failedBefore.includes(check));
    expect(failed.length, JSON.stringify(failed)).to.equal(checks.length);
    for (const check of checks)
      expect(
        failed.some((finding) => check.test(finding.check) && finding.fix),
        `${check}`,
      ).to.equal(true);
  }

  it('reports no failure for a healthy cluster, and skips no check', async () => {
    expect(failedBefore).to.deep.equal([]);
    const findings = await runDoctor();
    expect(findings.filter(({ state }) => state === 'skipped')).to.deep.equal([]);
    expect(findings.length).to.be.above(20);
    for (const { state, fix } of findings) expect(fix === undefined).to.equal(state === 'ok');
  });

  it('1. reports an entry without session affinity', async () => {
    // The entry of this cluster sends each connection to the next gateway.
    expectFailed(await runDoctor(['--url', cluster.url]), /^affinity$/);
  });

  it('2. reports a proxy that does not forward upgrades', async () => {
    await using proxy = await proxyWithoutUpgrades(gatewayPort());
    expectFailed(await runDoctor(['--url', proxy.url]), /^websocket$/);
  });

  it('3. reports a proxy that cuts idle connections', async () => {
    // A slow machine may need more than a second for an upgrade.
    await using proxy = await proxyWithIdleTimeout(gatewayPort(), 3_000);
    expectFailed(await runDoctor(['--url', proxy.url, '--idle', '5']), /^idle websocket$/, /^idle poll$/);
  });

  it('4. reports a wrong clock', async () => {
    const date = new Date(Date.now() - 120_000).toUTCString();
    await using proxy = await proxyWithoutUpgrades(gatewayPort(), { date });
    expectFailed(await runDoctor(['--url', proxy.url]), /^clock of the entry$/, /^websocket$/);
  });

  it('5. reports a secret that differs from the secret of the gateways', async () => {
    const findings = await runDoctor([], { JWT_SECRET: 'another secret of sufficient length' });
    expectFailed(findings, /^tokens$/);
    expect(findings.find(({ check }) => check === 'tokens')?.found).to.include('TOKEN_INVALID');
  });

  it('6. reports a secret that can be guessed', async () => {
    expectFailed(
      await runDoctor(['--token', signToken('doctor', cluster.jwtSecret, 300)], { JWT_SECRET: 'secret' }),
      /^secret$/,
    );
  });

  it('7. warns about a token that is valid too long, and reports text that is not a token', async () => {
    const findingFor = async (token: string) =>
      (await runDoctor(['--token', token])).find(({ check }) => check === 'given token');
    expect(await findingFor(signToken('doctor', cluster.jwtSecret, 90 * 86_400))).to.include({ state: 'warning' });
    expect(await findingFor('Bearer')).to.include({ state: 'failed' });
  });

  it('8. reports a Redis that evicts data', async () => {
    await askRedis(cluster.redis.url, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    try {
      expectFailed(await runDoctor(), /^eviction of redis/);
    } finally {
      await askRedis(cluster.redis.url, 'CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    }
  });

  it('9. reports a number of lanes that differs from the services', async () => {
    expectFailed(await runDoctor([], { LANES: '7' }), /^lanes of redis/);
  });

  it('10. reports a cluster without workers', async () => {
    const { redis } = await privateServers();
    // No other test uses this one of its 16 databases.
    const unused = { REDIS_URL: `${redis.url}/15`, CLUSTER_NAME: 'chat', LANES: '4' };
    expectFailed(await runDoctor([], unused), /^workers of redis/);
  });

  it('11. reports a redis+cluster:// URL of a server that is not in a cluster', async () => {
    const url = cluster.redis.url.replace('redis:', 'redis+cluster:');
    expectFailed(await runDoctor([], { REDIS_PUBSUB_URL: url }), /^mode of redis/, /^cluster of redis/);
  });

  it('12. reports unreachable servers', async () => {
    const closedPort = '127.0.0.1:1';
    const findings = await runDoctor(['--url', `http://${closedPort}`], {
      REDIS_CACHE_URL: `redis://${closedPort}`,
      DATABASE_URL: `postgres://chat@${closedPort}/chat`,
    });
    expectFailed(findings, /^entry$/, /^connection of redis/, /^postgres$/);
  });

  it('13. reports a database that was not migrated', async () => {
    await sql`create database empty`.execute(cluster.db);
    const url = new URL(cluster.postgres.url);
    url.pathname = '/empty';
    expectFailed(await runDoctor([], { DATABASE_URL: url.href }), /^migrations$/);
  });

  it('14. reports a database that commits before the data is on disk', async () => {
    await sql`alter system set fsync = off`.execute(cluster.db);
    await sql`select pg_reload_conf()`.execute(cluster.db);
    try {
      await eventually(async () => expectFailed(await runDoctor(), /^durability$/));
    } finally {
      await sql`alter system reset fsync`.execute(cluster.db);
      await sql`select pg_reload_conf()`.execute(cluster.db);
    }
  });

  it('15. reports more connections than Postgres accepts', async () => {
    expectFailed(await runDoctor(['--gateways', '40', '--workers', '10']), /^connections$/);
  });

  it('16. reports a grace period that is shorter than a drain', async () => {
    expectFailed(await runDoctor(['--grace', '20']), /^grace period$/);
  });

  it('17. reports, in production, that pages of every site may connect, and a token in the URL', async () => {
    const findings = await runDoctor([], { NODE_ENV: 'production' });
    expectFailed(findings, /^origins$/);
    expect(findings.find(({ check }) => check === 'token in the URL')).to.include({ state: 'warning' });
  });

  it('18. reports an admin port beyond loopback without a token, or with one that can be guessed', async () => {
    expectFailed(await runDoctor([], { ADMIN_HOST: '0.0.0.0' }), /^admin token$/);
    expectFailed(await runDoctor([], { ADMIN_HOST: '0.0.0.0', ADMIN_TOKEN: 'a'.repeat(32) }), /^admin token$/);
    expectFailed(await runDoctor([], { ADMIN_HOST: '0.0.0.0', ADMIN_TOKEN: 'one of sufficient length, not a word' }));
  });

  it('19. reports TRUSTED_HOPS that does not fit the proxies', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.1' };
    const { port } = cluster.gateways[1] ?? {};
    // More than the sessions that earlier tests have opened there.
    for (let i = 0; i < 100; i++) {
      await fetch(`http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`, { headers });
    }
    expectFailed(await runDoctor(['--admin', adminUrl(1)]), /^trusted hops$/);
  });

  it('20. reports public keys that cannot be read', async () => {
    const findings = await runDoctor([], { JWT_JWKS_URL: 'http://127.0.0.1:1/jwks.json', JWT_KEYS_FILE: '/dev/null' });
    expectFailed(findings, /^public keys$/, /^public keys$/);
  });

  it('21. reports gateways that close idle connections earlier than load balancers do', async () => {
    expectFailed(await runDoctor([], { HTTP_KEEP_ALIVE_MS: '60000' }), /^keep-alive$/);
    expectFailed(await runDoctor([], { HTTP_KEEP_ALIVE_MS: '75000' }));
  });

  it('prints text or JSON, and exits with 1 when a check failed', () => {
    const { DATABASE_URL, REDIS_URL, ...env } = process.env;
    const doctor = (...args: string[]) =>
      spawnSync(process.execPath, [join(import.meta.dirname, '../src/main.ts'), ...args], { env, encoding: 'utf8' });
    const text = doctor('--url', 'http://127.0.0.1:1');
    expect([text.status, text.stderr]).to.deep.equal([1, '']);
    expect(text.stdout)
      .to.match(/✖ entry: .+\n {4}→ check DNS/)
      .and.to.include('1 check failed.');
    const json = doctor('--url', 'http://127.0.0.1:1', '--json');
    expect(json.status).to.equal(1);
    expect((JSON.parse(json.stdout) as { failed: number }).failed).to.equal(1);
  });

  it('names the wrong option or setting', () => {
    expect(readDeployment(['--help'], {})).to.equal(undefined);
    expect(() => readDeployment(['--url', 'chat'], {})).to.throw(UserError, '--url must be');
    expect(() => readDeployment(['--idle', 'x'], {})).to.throw(
      UserError,
      '--idle must be a whole number from 1 to 600',
    );
    expect(() => readDeployment(['--wrong'], {})).to.throw(UserError, '--help lists all options');
    expect(() => readDeployment([], { REDIS_URL: 'http://redis' })).to.throw(ConfigError, 'REDIS_URL');
  });

  it('21. reports a Redis that another cluster uses under the same name', async () => {
    const own = String(await askRedis(cluster.redis.url, 'GET', 'chat:database'));
    await askRedis(cluster.redis.url, 'SET', 'chat:database', '2026-01-01T00:00:00.000Z');
    try {
      expectFailed(await runDoctor(), /^cluster name/);
    } finally {
      await askRedis(cluster.redis.url, 'SET', 'chat:database', own);
    }
  });

  it('22. reports workers with different limits', async () => {
    const limits = { MAX_GROUP_MEMBERS: 7, EDIT_WINDOW_MS: 0 };
    const other = { id: 'other', kind: 'worker', name: 'worker-9', limits };
    const [seconds] = (await askRedis(cluster.redis.url, 'TIME')) as string[];
    await askRedis(cluster.redis.url, 'SET', 'chat:process:other', JSON.stringify(other));
    // In an hour it is still a running one.
    await askRedis(cluster.redis.url, 'ZADD', 'chat:processes', String((Number(seconds) + 3_600) * 1_000), 'other');
    try {
      const findings = await runDoctor();
      expectFailed(findings, /^limits of workers$/, /^limits of workers$/);
      const found = findings.filter(({ check }) => check === 'limits of workers').map((finding) => finding.found);
      expect(found).to.deep.equal([
        'EDIT_WINDOW_MS is 900000 (worker-1) and 0 (worker-9)',
        'MAX_GROUP_MEMBERS is 1000 (worker-1) and 7 (worker-9)',
      ]);
    } finally {
      await askRedis(cluster.redis.url, 'ZREM', 'chat:processes', 'other');
      await askRedis(cluster.redis.url, 'DEL', 'chat:process:other');
    }
  });

  it('23. warns about groups and users above the limits', async () => {
    await sql`insert into conversations (id, kind, member_count) select gen_random_uuid(), 'group', n
      from generate_series(1, 40) n`.execute(cluster.db);
    await sql`insert into user_groups values ('many', 30)`.execute(cluster.db);
    try {
      const groupsOf = async (env: NodeJS.ProcessEnv) =>
        (await runDoctor([], env)).filter(({ check }) => check === 'groups').map(({ state, found }) => [state, found]);
      expect(await groupsOf({ MAX_GROUP_MEMBERS: '38', MAX_GROUPS_PER_USER: '29' })).to.deep.equal([
        ['warning', '2 groups have more than MAX_GROUP_MEMBERS = 38 members'],
        ['warning', '1 users are in more than MAX_GROUPS_PER_USER = 29 groups'],
      ]);
      expect(await groupsOf({})).to.deep.equal([['ok', 'none is above the limits of its members']]);
    } finally {
      await sql`delete from conversations where kind = 'group'`.execute(cluster.db);
      await sql`delete from user_groups`.execute(cluster.db);
    }
  });

  it('reports an address that leads to several Redis servers in turn', async () => {
    await using other = await startFaultCluster({ gateways: 0, workers: 0 });
    const password = new URL(cluster.redis.url).password;
    await askRedis(other.redis.url, 'CONFIG', 'SET', 'requirepass', password);
    await using proxy = await startFaultProxy({ upstreams: [cluster.redis.port, other.redis.port] });
    const url = new URL(cluster.redis.url);
    url.port = String(proxy.port);
    const findings = await runDoctor([], { REDIS_CACHE_URL: url.href });
    expectFailed(findings, /^address of redis /);
  });
});
