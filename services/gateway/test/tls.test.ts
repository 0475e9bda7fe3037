import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { repository } from '@chat-cluster/local-cluster';
import {
  askRedis,
  type ControlledServer,
  connect,
  connectElsewhere,
  controlledSentinel,
  eventually,
  newUser,
  openConversation,
  privateServers,
  queryPostgres,
  SENTINEL_HOSTS,
  startRedisCluster,
  startTestCluster,
  startTlsPostgres,
  startTlsRedis,
  type TestCluster,
  trustAuthorities,
  writeIdentity,
} from '@chat-cluster/testkit';
import { expect } from 'chai';

/** `done`, or the message of the error. */
function outcomeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: Error) => error.message,
  );
}

/** Starts a worker with this environment and resolves with the first problem that it logs for each of `settings`. */
async function firstProblems(
  settings: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Record<string, string | undefined>> {
  const problems: Record<string, string> = {};
  const { redis, postgres } = await privateServers();
  const servers = { DATABASE_URL: postgres.url, REDIS_URL: redis.url };
  const worker = spawn(process.execPath, [join(repository, 'services/worker/src/main.ts')], {
    env: { PATH: process.env.PATH, LOG_FORMAT: 'json', ADMIN_PORT: '0', ...servers, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(worker, 'close');
  try {
    for await (const line of createInterface(worker.stdout)) {
      const { setting, reason } = JSON.parse(line);
      if (setting) problems[setting] ??= reason;
      if (settings.every((name) => problems[name])) return problems;
    }
    throw new Error('the worker has ended without these lines');
  } finally {
    worker.kill('SIGKILL');
    await ended;
  }
}

describe('TLS to Redis and Postgres with a private authority', () => {
  const stack = new AsyncDisposableStack();
  const url = { single: '', sentinel: '', cluster: '', postgres: '' };
  let group: ControlledServer;
  let cluster: TestCluster;
  /** File of the authority. */
  let ca: string;

  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chat-tls-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const tls = await writeIdentity(join(folder, 'identity'), ['127.0.0.1', ...SENTINEL_HOSTS]);
    ca = tls.certFile;
    stack.defer(trustAuthorities(readFileSync(ca, 'utf8')));
    group = await controlledSentinel(join(folder, 'sentinel'), () => {}, tls);
    stack.defer(() => group.stop());
    const pubsub = stack.use(await startRedisCluster({ tls }));
    Object.assign(url, {
      single: await startTlsRedis(stack, join(folder, 'redis'), tls),
      sentinel: group.url,
      cluster: pubsub.url,
      postgres: await startTlsPostgres(stack, join(folder, 'postgres'), tls),
    });
    cluster = await startTestCluster({
      redisUrl: url.sentinel,
      databaseUrl: `${url.postgres}?sslmode=verify-full&sslrootcert=${encodeURIComponent(ca)}`,
      migrated: false,
      env: { REDIS_PUBSUB_URL: url.cluster, NODE_EXTRA_CA_CERTS: ca },
    });
  });
  after(async () => {
    await cluster?.stop();
    await stack.disposeAsync();
  });

  it('carries messages between two gateways, also after a failover behind Sentinel', async () => {
    const [a, b] = [newUser('alice'), newUser('bob')];
    const conversationId = await openConversation(cluster, a, b);
    const alice = await connect(cluster, a, { transports: ['websocket'] });
    const bob = await connectElsewhere(cluster, b, alice.session.gatewayId, { transports: ['websocket'] });
    stack.defer(() => alice.close());
    stack.defer(() => bob.close());
    const send = (text: string) => alice.send({ conversationId, clientMessageId: text, content: text });
    expect(await send('over-tls')).to.include({ ok: true });
    await group.kill();
    await eventually(async () => expect(await send('after-the-failover')).to.include({ ok: true }), 60_000);
    // A run that the failover interrupts is repeated, and its events with it: clients ignore a `seq` that they have.
    await eventually(() =>
      expect([...new Set(bob.messages.map(({ content }) => content))]).to.deep.equal([
        'over-tls',
        'after-the-failover',
      ]),
    );
  });

  it('Postgres is used over TLS 1.2 or newer by every process of the cluster', async () => {
    const rows = await queryPostgres(
      cluster.databaseUrl,
      `select distinct application_name, version from pg_stat_ssl join pg_stat_activity using (pid)
         where backend_type = 'client backend' and pid <> pg_backend_pid() order by 1`,
    );
    expect(rows.map(({ application_name: name }) => name)).to.include.members(['gateway-1', 'gateway-2', 'worker-1']);
    for (const { version } of rows) expect(version).to.match(/^TLSv1\.[23]$/);
  });

  it('Postgres with an unknown authority or another host, or without TLS, is rejected', async () => {
    const ask = (other: string) => outcomeOf(queryPostgres(other, 'select 1'));
    expect(await ask(cluster.databaseUrl.replace('@127.0.0.1', '@localhost'))).to.match(/does not match certificate/);
    expect(await ask(url.postgres)).to.match(/no encryption/);
    const other = await writeIdentity(join(cluster.dataDir, 'other'));
    const verifying = `${url.postgres}?sslmode=verify-full&sslrootcert=${encodeURIComponent(other.certFile)}`;
    expect(await ask(verifying)).to.match(/self-signed/);
  });

  const UNKNOWN = /self-signed certificate: .* NODE_EXTRA_CA_CERTS/;
  const OTHER_HOST = /Hostname\/IP does not match .* certificate is for another host$/;
  const NEEDS_TLS = /: the port may require TLS; if so, use rediss instead of redis/;
  const NO_TLS = /: the port may not use TLS; if so, use redis instead of rediss$/;
  const plain = (secure: string) => secure.replace('rediss', 'redis');
  const elsewhere = (other: string) => other.replaceAll('127.0.0.1', 'localhost');
  type Case = { trusted?: boolean; problems(): Promise<[url: string, reason: RegExp][]> };
  // A worker connects to all queue servers at the same time.
  const queueCases: Record<string, Case> = {
    'with an unknown authority, or without TLS': {
      problems: async () => [
        [url.single, UNKNOWN],
        [url.sentinel, UNKNOWN],
        [plain(url.single), NEEDS_TLS],
        [plain(url.sentinel), NEEDS_TLS],
      ],
    },
    'with another host, or with TLS to a plain port': {
      trusted: true,
      problems: async () => [
        [elsewhere(url.single), OTHER_HOST],
        [(await privateServers()).redis.url.replace('redis', 'rediss'), NO_TLS],
      ],
    },
  };
  for (const [name, { trusted, problems }] of Object.entries(queueCases)) {
    it(`a Redis that cannot be used is logged with its setting, the reason and the fix: ${name}`, async () => {
      const found = await problems();
      const settings = found.map((_, i) => `REDIS_QUEUE_URLS[${i}]`);
      const REDIS_QUEUE_URLS = found.map(([one]) => one).join();
      const logged = await firstProblems(settings, { REDIS_QUEUE_URLS, ...(trusted && { NODE_EXTRA_CA_CERTS: ca }) });
      for (const [i, [, reason]] of found.entries()) expect(logged[settings[i] ?? '']).to.match(reason);
    });
  }

  const clusterCases: Record<string, { trusted?: boolean; change?(url: string): string; reason: RegExp }> = {
    'with an unknown authority': { reason: UNKNOWN },
    'without TLS': { change: plain, reason: NEEDS_TLS },
    'with another host': { trusted: true, change: elsewhere, reason: OTHER_HOST },
  };
  for (const [name, { trusted, change = (same: string) => same, reason }] of Object.entries(clusterCases)) {
    it(`a Redis Cluster that cannot be used is logged in the same way: ${name}`, async () => {
      const REDIS_PUBSUB_URL = change(url.cluster);
      const logged = await firstProblems(['REDIS_PUBSUB_URL'], {
        REDIS_PUBSUB_URL,
        ...(trusted && { NODE_EXTRA_CA_CERTS: ca }),
      });
      expect(logged.REDIS_PUBSUB_URL).to.match(reason);
    });
  }

  it('Redis accepts no connection without TLS', async () => {
    expect(await outcomeOf(askRedis(url.single.replace('rediss:', 'redis:'), 'PING'))).to.not.equal('done');
  });
});
