import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { signToken } from '@chat-cluster/local-cluster';
import { ConfigError, UserError } from '@chat-cluster/runtime';
import { askRedis, type FaultCluster, privateServers, startFaultCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';
import { examine } from '../src/examine.ts';
import type { Finding } from '../src/finding.ts';
import { readSubject } from '../src/options.ts';
import { httpProxy, impatientProxy } from './planted.ts';

/** A real cluster; each test plants one misconfiguration, and doctor is to name that one and no other. */
describe('doctor', () => {
  let cluster: FaultCluster;
  /** What it says of the cluster as it is, which is a small one for tests. */
  let usual: string[];

  before(async () => {
    cluster = await startFaultCluster({ gateways: 2, workers: 1 });
    usual = failures(await look());
  });
  after(() => cluster[Symbol.asyncDispose]());

  const gatewayPort = () => cluster.gateways[0]?.port ?? 0;

  async function look(args: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Finding[]> {
    const subject = readSubject(['--url', `http://127.0.0.1:${gatewayPort()}`, '--grace', '60', ...args], {
      DATABASE_URL: cluster.postgres.url,
      REDIS_URL: cluster.redis.url,
      JWT_SECRET: cluster.jwtSecret,
      LANES: String(cluster.lanes),
      ...env,
    });
    if (!subject) throw new Error('no subject');
    return examine(args.includes('--idle') ? subject : { ...subject, idleMs: 100 });
  }

  const failures = (findings: Finding[]) =>
    findings.filter(({ state }) => state === 'failed').map(({ check }) => check);

  /** That these checks fail, each with a fix, and no other. */
  function expectFailed(findings: Finding[], ...checks: RegExp[]): void {
    const failed = findings.filter(({ state, check }) => state === 'failed' && !usual.includes(check));
    expect(failed.length, JSON.stringify(failed)).to.equal(checks.length);
    for (const check of checks)
      expect(
        failed.some((one) => check.test(one.check) && one.fix),
        `${check}`,
      ).to.equal(true);
  }

  it('finds nothing wrong with a healthy cluster, and has looked at all of it', async () => {
    expect(usual).to.deep.equal([]);
    const findings = await look();
    expect(findings.filter(({ state }) => state === 'skipped')).to.deep.equal([]);
    expect(findings.length).to.be.above(20);
    for (const { state, fix } of findings) expect(fix === undefined).to.equal(state === 'ok');
  });

  it('1. an entry without affinity', async () => {
    // The entry of this cluster takes the gateways in turn.
    expectFailed(await look(['--url', cluster.url]), /^affinity$/);
  });

  it('2. a proxy that passes no upgrades on', async () => {
    await using proxy = await httpProxy(gatewayPort());
    expectFailed(await look(['--url', proxy.url]), /^websocket$/);
  });

  it('3. a proxy that cuts idle connections', async () => {
    await using proxy = await impatientProxy(gatewayPort(), 400);
    expectFailed(await look(['--url', proxy.url, '--idle', '2']), /^idle websocket$/, /^idle poll$/);
  });

  it('4. a clock that is wrong', async () => {
    const date = new Date(Date.now() - 120_000).toUTCString();
    await using proxy = await httpProxy(gatewayPort(), { date });
    expectFailed(await look(['--url', proxy.url]), /^clock of the entry$/, /^websocket$/);
  });

  it('5. a secret that is not that of the gateways', async () => {
    const findings = await look([], { JWT_SECRET: 'another secret, as long as it should be' });
    expectFailed(findings, /^tokens$/);
    expect(findings.find(({ check }) => check === 'tokens')?.found).to.include('TOKEN_INVALID');
  });

  it('6. a secret that can be guessed', async () => {
    expectFailed(
      await look(['--token', signToken('doctor', cluster.jwtSecret, 300)], { JWT_SECRET: 'secret' }),
      /^secret$/,
    );
  });

  it('7. a token that lives too long, as a warning, or is not what gateways take', async () => {
    const given = async (token: string) =>
      (await look(['--token', token])).find(({ check }) => check === 'given token');
    expect(await given(signToken('doctor', cluster.jwtSecret, 90 * 86_400))).to.include({ state: 'warning' });
    expect(await given('Bearer')).to.include({ state: 'failed' });
  });

  it('8. a Redis that evicts', async () => {
    await askRedis(cluster.redis.url, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    try {
      expectFailed(await look(), /^eviction of redis/);
    } finally {
      await askRedis(cluster.redis.url, 'CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    }
  });

  it('9. a number of lanes that is not that of the others', async () => {
    expectFailed(await look([], { LANES: '7' }), /^lanes of redis/);
  });

  it('10. a cluster without workers', async () => {
    const { redis } = await privateServers();
    // One of its sixteen databases that no other test uses.
    expectFailed(await look([], { REDIS_URL: `${redis.url}/15`, LANES: '4' }), /^workers of redis/);
  });

  it('11. a Redis Cluster that is none', async () => {
    const url = cluster.redis.url.replace('redis:', 'redis+cluster:');
    expectFailed(await look([], { REDIS_PUBSUB_URL: url }), /^mode of redis/, /^cluster of redis/);
  });

  it('12. servers that can not be reached', async () => {
    const nowhere = '127.0.0.1:1';
    const findings = await look(['--url', `http://${nowhere}`], {
      REDIS_CACHE_URL: `redis://${nowhere}`,
      DATABASE_URL: `postgres://chat@${nowhere}/chat`,
    });
    expectFailed(findings, /^entry$/, /^reach of redis/, /^postgres$/);
  });

  it('13. a database that was not migrated', async () => {
    await sql`create database empty`.execute(cluster.db);
    const url = new URL(cluster.postgres.url);
    url.pathname = '/empty';
    expectFailed(await look([], { DATABASE_URL: url.href }), /^migrations$/);
  });

  it('14. a database that acknowledges what is not on disk', async () => {
    const { rows } = await sql<{ name: string }>`select current_database() as name`.execute(cluster.db);
    const alter = (value: string) =>
      sql`alter database ${sql.id(rows[0]?.name ?? '')} set synchronous_commit = ${sql.lit(value)}`.execute(cluster.db);
    await alter('off');
    try {
      expectFailed(await look(), /^durability$/);
    } finally {
      await alter('on');
    }
  });

  it('15. more connections than Postgres has', async () => {
    expectFailed(await look(['--gateways', '40', '--workers', '10']), /^connections$/);
  });

  it('16. a grace period that is shorter than a drain', async () => {
    expectFailed(await look(['--grace', '20']), /^grace period$/);
  });

  it('says so as text and as JSON, and with its exit code', () => {
    const { DATABASE_URL, REDIS_URL, ...env } = process.env;
    const doctor = (...args: string[]) =>
      spawnSync(process.execPath, [join(import.meta.dirname, '../src/main.ts'), ...args], { env, encoding: 'utf8' });
    const text = doctor('--url', 'http://127.0.0.1:1');
    expect([text.status, text.stderr]).to.deep.equal([1, '']);
    expect(text.stdout)
      .to.match(/✖ entry: .+\n {4}→ check DNS/)
      .and.to.include('1 failed.');
    const json = doctor('--url', 'http://127.0.0.1:1', '--json');
    expect(json.status).to.equal(1);
    expect((JSON.parse(json.stdout) as { failed: number }).failed).to.equal(1);
  });

  it('names the option that is wrong', () => {
    expect(readSubject(['--help'], {})).to.equal(undefined);
    expect(() => readSubject(['--url', 'chat'], {})).to.throw(UserError, '--url must be');
    expect(() => readSubject(['--idle', 'x'], {})).to.throw(UserError, '--idle must be a whole number from 1 to 600');
    expect(() => readSubject(['--wrong'], {})).to.throw(UserError, 'try --help');
    expect(() => readSubject([], { REDIS_URL: 'http://redis' })).to.throw(ConfigError, 'REDIS_URL');
  });
});
