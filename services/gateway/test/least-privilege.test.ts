import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ClusterOverview } from '@chat-cluster/contracts';
import { repository, type ServiceProcess, startChatService } from '@chat-cluster/local-cluster';
import {
  askRedis,
  queryPostgres,
  startTlsPostgres,
  startTlsRedis,
  type Target,
  trustAuthorities,
  writeIdentity,
} from '@chat-cluster/testkit';
import { CLIENT_KINDS, describeProtocol } from '@chat-cluster/testkit/protocol-suite';
import { expect } from 'chai';

type Kind = 'gateway' | 'worker';

const KINDS: readonly Kind[] = ['gateway', 'worker'];
const PASSWORD = 'a-password-of-this-test';
const JWT_SECRET = 'a-secret-of-this-test-only-0123456789';
/** Statements that only one service may run. Both may run all others, which only read. */
const OWN_STATEMENTS: Record<string, Kind[]> = Object.fromEntries([
  ...filesOf(`
    block count-beat mark-delivered open-conversation purge-revocations set-conversation unblock
  `).map((file) => [file, ['gateway']]),
  ...filesOf(`
    clear-reaction count-dead-letters count-groups count-mentions delete drop-dead-letters edit empty-quotes
    end-membership find-dead-letters heal-counters heal-members keep-dead-letters lock-conversation lock-user-groups
    mark-read move-group-marks newest-dead-letters open-windows promote-successor save-group save-reactions
    save-revision set-reaction set-role store-checking-resends store-fresh-extras store-fresh store-group-sends
    take-windows uncount-direct uncount-in-group write-entry write-members
  `).map((file) => [file, ['worker']]),
]);
const NO_PERMISSION = /NOPERM|no permissions|can't access/i;
const aclFile = readFileSync(join(repository, 'infra/redis.acl'), 'utf8');

function filesOf(names: string): string[] {
  return names
    .trim()
    .split(/\s+/)
    .map((name) => `${name}.sql`);
}

/** `url` with the user of a service. */
function asUser(url: string, kind: Kind): string {
  const changed = new URL(url);
  changed.username = `chat_${kind}`;
  changed.password = PASSWORD;
  return changed.href;
}

/** Creates the users of the documented ACL file. */
async function createRedisUsers(url: string): Promise<void> {
  // Without the user of operators, `default`, whose password the URL contains.
  for (const line of aclFile.split('\n').filter((one) => one.startsWith('user chat_'))) {
    const [, name = '', ...rules] = line.replace(/>\w+/, `>${PASSWORD}`).split(/\s+/);
    expect(await askRedis(url, 'ACL', 'SETUSER', name, ...rules)).to.equal('OK');
  }
  await askRedis(url, 'ACL', 'LOG', 'RESET');
}

/** Migrates, creates the roles and grants their rights, as a deployment does. */
async function migrateWithRoles(url: string): Promise<string> {
  const command = [join(repository, 'packages/postgres/src/migrate.ts'), '--roles'];
  const passwords = { CHAT_GATEWAY_PASSWORD: PASSWORD, CHAT_WORKER_PASSWORD: PASSWORD };
  const env = { ...process.env, DATABASE_URL: url, ...passwords };
  return (await promisify(execFile)(process.execPath, command, { env })).stdout;
}

/** Denied commands of the services' users, from the log of Redis. */
async function denied(url: string): Promise<string[]> {
  const entries = (await askRedis(url, 'ACL', 'LOG')) as unknown[];
  return entries.map((entry) => JSON.stringify(entry)).filter((entry) => /chat_(gateway|worker)/.test(entry));
}

/** `done`, or the message of the error. */
function outcomeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: Error) => error.message,
  );
}

describe('services with the documented rights only, over TLS', () => {
  const stack = new AsyncDisposableStack();
  const urls = { redis: '', postgres: '' };
  let folder: string;
  /** File of the authority. */
  let ca: string;
  let gateway: ServiceProcess;
  let worker: ServiceProcess;
  const target = (): Target => ({ url: `http://127.0.0.1:${gateway.ready().port}`, jwtSecret: JWT_SECRET });
  const query = (kind: Kind, text: string) => queryPostgres(asUser(urls.postgres, kind), text);
  const ask = (kind: Kind, ...command: string[]) => askRedis(asUser(urls.redis, kind), ...command);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chat-rights-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const tls = await writeIdentity(join(folder, 'identity'));
    ca = tls.certFile;
    stack.defer(trustAuthorities(readFileSync(ca, 'utf8')));
    const postgres = await startTlsPostgres(stack, join(folder, 'postgres'), tls);
    urls.postgres = `${postgres}?sslmode=verify-full&sslrootcert=${encodeURIComponent(ca)}`;
    urls.redis = await startTlsRedis(stack, join(folder, 'redis'), tls);
    // Two at once, which wait for each other, and once more, as in the next deploy.
    await Promise.all([migrateWithRoles(urls.postgres), migrateWithRoles(urls.postgres)]);
    expect(await migrateWithRoles(urls.postgres)).to.include('chat_gateway and chat_worker have their rights');
    await createRedisUsers(urls.redis);
  });
  after(() => stack.disposeAsync());

  /** Starts a gateway with two processes and a worker, each with its own users. */
  function startServices(owner: AsyncDisposableStack, adapter: string) {
    const common = { JWT_SECRET, REDIS_ADAPTER: adapter, NODE_EXTRA_CA_CERTS: ca };
    const start = async (kind: Kind, more: NodeJS.ProcessEnv) => {
      const service = await startChatService({
        kind,
        name: kind,
        log: () => {},
        logFile: join(folder, `${kind}.log`),
        env: { DATABASE_URL: asUser(urls.postgres, kind), REDIS_URL: asUser(urls.redis, kind), ...common, ...more },
      });
      owner.defer(() => service.stop(5_000));
      return service;
    };
    return Promise.all([
      start('gateway', { GATEWAY_PROCESSES: '2' }),
      start('worker', { QUEUE_BOARD: 'true', AUDIT_INTERVAL_MS: '100' }),
    ]);
  }

  for (const adapter of ['classic', 'sharded']) {
    describe(`with REDIS_ADAPTER=${adapter}`, () => {
      const own = new AsyncDisposableStack();

      before(async () => {
        [gateway, worker] = await startServices(own, adapter);
      });
      after(() => own.disposeAsync());

      describeProtocol(target, { clients: CLIENT_KINDS.websocket });

      // A nested suite, since mocha runs tests before nested suites.
      describe('after that they', () => {
        it('show the cluster view and the queue board', async () => {
          const { adminPort } = worker.ready();
          const get = async (path: string) => {
            const response = await fetch(`http://127.0.0.1:${adminPort}/${path}`);
            const text = await response.text();
            expect(response.status, `${path}: ${text}`).to.equal(200);
            return JSON.parse(text);
          };
          await get('queues/api/queues');
          const { gateways, workers, redis, postgres } = (await get('cluster/api/overview')) as ClusterOverview;
          expect(gateways.map(({ state }) => state)).to.include('ready');
          expect(workers.map(({ state }) => state)).to.deep.equal(['ready']);
          for (const one of redis) expect(one).to.include.keys('memoryBytes', 'version');
          expect(postgres).to.include.keys('connections', 'databaseBytes');
          expect(await get('cluster/api/users?id=alice')).not.to.have.property('connectionsUnknown');
          await get('cluster/api/dead-letters');
        });

        it('were denied no command of Redis', async () => {
          expect(await denied(urls.redis)).to.deep.equal([]);
        });
      });
    });
  }

  describe('they', () => {
    it('may run every statement of their service, and no statement that only the other one needs', async () => {
      const folder = join(repository, 'packages/postgres/sql');
      const own: Record<string, Kind[]> = {};
      for (const file of readdirSync(folder)) {
        const text = readFileSync(join(folder, file), 'utf8');
        const allowed: Kind[] = [];
        for (const kind of KINDS) {
          const outcome = await outcomeOf(query(kind, `explain (generic_plan) ${text}`));
          if (outcome === 'done') allowed.push(kind);
          else expect(outcome, file).to.match(/^permission denied for table/);
        }
        if (allowed.length === 1) own[file] = allowed;
        else expect(allowed, file).to.deep.equal(KINDS);
      }
      expect(own).to.deep.equal(OWN_STATEMENTS);
    });

    it('may not change the schema, a message or the rights in Postgres', async () => {
      const statements = [
        'create table public.other (id integer)',
        'create temporary table other (id integer)',
        'drop table messages',
        'alter table messages add column other text',
        'truncate messages',
        'delete from messages',
        `update messages set sender_id = 'other'`,
        'delete from members',
        `update members set user_id = 'other'`,
        'delete from conversations',
        'delete from participants',
        'delete from direct_conversations',
        `insert into kysely_migration values ('999', 'now')`,
        `update participants set user_id = 'other'`,
        'create role other',
        `select pg_read_file('/etc/passwd')`,
        `copy (select 1) to program 'true'`,
        'select * from pg_authid',
      ];
      for (const kind of KINDS) {
        for (const statement of statements) {
          expect(await outcomeOf(query(kind, statement)), `${kind}: ${statement}`).to.match(
            /permission denied|must be owner/,
          );
        }
      }
    });

    it('may change a message, or the members of a group, only as a worker', async () => {
      for (const statement of [
        `update messages set content = 'x' where false`,
        'update members set own_after = 0 where false',
      ]) {
        expect(await outcomeOf(query('gateway', statement)), statement).to.match(/permission denied/);
        expect(await outcomeOf(query('worker', statement)), statement).to.equal('done');
      }
    });

    it('may not use other keys, other channels or commands of administrators in Redis', async () => {
      await askRedis(urls.redis, 'SET', 'foreign', 'value', 'EX', '60');
      const commands = [
        ['GET', 'foreign'],
        ['SET', 'foreign', 'other'],
        ['DEL', 'foreign'],
        ['EVAL', `return redis.call('get', 'foreign')`, '0'],
        ['PUBLISH', 'foreign', 'text'],
        ['SUBSCRIBE', 'foreign'],
        ['PSUBSCRIBE', '*'],
        ...['FLUSHALL', 'FLUSHDB', 'MONITOR', 'SHUTDOWN', 'SAVE', 'ROLE'].map((command) => [command]),
        ['KEYS', '*'],
        ['CONFIG', 'GET', '*'],
        ['CONFIG', 'SET', 'dir', '/tmp'],
        ['ACL', 'LIST'],
        ['CLIENT', 'LIST'],
        ['CLIENT', 'KILL', 'TYPE', 'normal'],
        ['MODULE', 'LIST'],
        ['REPLICAOF', 'NO', 'ONE'],
      ];
      for (const kind of KINDS) {
        for (const command of commands) {
          expect(await outcomeOf(ask(kind, ...command)), `${kind}: ${command.join(' ')}`).to.match(NO_PERMISSION);
        }
      }
      // BullMQ, which only the worker uses, reads the version of Redis with it.
      expect(await outcomeOf(ask('gateway', 'INFO'))).to.match(NO_PERMISSION);
      expect(await askRedis(urls.redis, 'GET', 'foreign')).to.equal('value');
    });
  });
});
