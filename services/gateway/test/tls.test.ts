import { chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRedis, freePort, spawnServer, startPostgres, toolsFolder } from '@chat-cluster/local-cluster';
import {
  askRedis,
  connect,
  connectElsewhere,
  eventually,
  newUser,
  openConversation,
  queryPostgres,
  selfSigned,
  startTestCluster,
  type TestCluster,
} from '@chat-cluster/testkit';
import { expect } from 'chai';

const PASSWORD = 'a-password-of-this-test';

/** Starts a Redis that accepts only TLS, and returns its URL. Its clients have a password, and no certificate. */
async function redisWithTls(stack: AsyncDisposableStack, home: string, { cert, key }: Identity): Promise<string> {
  const { program, env } = await findRedis(toolsFolder, () => {});
  const port = await freePort();
  const lines = [
    'bind 127.0.0.1',
    'port 0',
    `tls-port ${port}`,
    `tls-cert-file ${cert}`,
    `tls-key-file ${key}`,
    'tls-auth-clients no',
    `requirepass ${PASSWORD}`,
    `dir ${home}`,
    'save ""',
  ];
  writeFileSync(join(home, 'redis.conf'), `${lines.join('\n')}\n`, { mode: 0o600 });
  const server = await spawnServer({
    command: [program, join(home, 'redis.conf')],
    cwd: home,
    env: { PATH: process.env.PATH, LC_ALL: 'C', ...env },
    logFile: join(home, 'redis.log'),
    deathSignal: 'TERM',
  });
  stack.defer(() => server.end([{ signal: 'SIGTERM', withinMs: 2_000 }]));
  return `rediss://:${PASSWORD}@127.0.0.1:${port}`;
}

/** Starts a Postgres that rejects connections without TLS, and returns its URL without parameters. */
async function postgresWithTls(stack: AsyncDisposableStack, dataDir: string, pem: Identity): Promise<string> {
  const { url, dataDir: home, stop } = await startPostgres({ dataDir, durable: false, log: () => {} });
  stack.defer(() => stop());
  const data = join(home, 'data');
  const { uid, gid } = statSync(data);
  const contents = {
    'server.crt': pem.cert,
    'server.key': pem.key,
    'pg_hba.conf': 'hostssl all all 127.0.0.1/32 scram-sha-256\n',
  };
  for (const [name, text] of Object.entries(contents)) {
    writeFileSync(join(data, name), text, { mode: 0o600 });
    chownSync(join(data, name), uid, gid);
  }
  await queryPostgres(url, 'alter system set ssl = on');
  await queryPostgres(url, 'select pg_reload_conf()');
  await eventually(async () => expect(await outcomeOf(queryPostgres(url, 'select 1'))).to.match(/no encryption/));
  return url;
}

/** Certificate and key: paths of files, or their texts in PEM format. */
interface Identity {
  cert: string;
  key: string;
}

/** `done`, or the message of the error. */
function outcomeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: Error) => error.message,
  );
}

describe('TLS to Redis and Postgres with a private authority', () => {
  const stack = new AsyncDisposableStack();
  let cluster: TestCluster;
  let redisUrl: string;
  let postgresUrl: string;
  /** File of the authority. */
  let ca: string;

  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chat-tls-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const pem = await selfSigned();
    ca = join(folder, 'ca.pem');
    const key = join(folder, 'key.pem');
    writeFileSync(ca, pem.cert);
    writeFileSync(key, pem.key, { mode: 0o600 });
    mkdirSync(join(folder, 'redis'));
    [redisUrl, postgresUrl] = await Promise.all([
      redisWithTls(stack, join(folder, 'redis'), { cert: ca, key }),
      postgresWithTls(stack, join(folder, 'postgres'), pem),
    ]);
    cluster = await startTestCluster({
      redisUrl,
      databaseUrl: `${postgresUrl}?sslmode=verify-full&sslrootcert=${encodeURIComponent(ca)}`,
      migrated: false,
      env: { NODE_EXTRA_CA_CERTS: ca },
    });
  });
  after(async () => {
    await cluster?.stop();
    await stack.disposeAsync();
  });

  it('carries messages between two gateways', async () => {
    const [a, b] = [newUser('alice'), newUser('bob')];
    const conversationId = await openConversation(cluster, a, b);
    const alice = await connect(cluster, a, { transports: ['websocket'] });
    const bob = await connectElsewhere(cluster, b, alice.session.gatewayId, { transports: ['websocket'] });
    stack.defer(() => alice.close());
    stack.defer(() => bob.close());
    const ack = await alice.send({ conversationId, clientMessageId: 'message-over-tls', content: 'over TLS' });
    expect(ack).to.include({ ok: true });
    await eventually(() => expect(bob.messages.map(({ content }) => content)).to.deep.equal(['over TLS']));
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

  it('an unknown authority is rejected', async () => {
    expect(await outcomeOf(queryPostgres(`${postgresUrl}?sslmode=verify-full`, 'select 1'))).to.match(/self-signed/);
    expect(await outcomeOf(askRedis(redisUrl, 'PING'))).to.match(/self-signed/);
  });

  it('a certificate for another host is rejected', async () => {
    const url = cluster.databaseUrl.replace('@127.0.0.1', '@localhost');
    expect(await outcomeOf(queryPostgres(url, 'select 1'))).to.match(/does not match certificate/);
  });

  it('neither server accepts a connection without TLS', async () => {
    expect(await outcomeOf(queryPostgres(postgresUrl, 'select 1'))).to.match(/no encryption/);
    expect(await outcomeOf(askRedis(redisUrl.replace('rediss:', 'redis:'), 'PING'))).to.not.equal('done');
  });
});
