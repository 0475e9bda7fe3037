import { type Database, openDatabase, pendingMigrations } from '@chat-cluster/postgres';
import { sql } from 'kysely';
import { type Finding, reasonOf, reporter } from '../finding.ts';
import { judgeSkew } from '../judge-skew.ts';
import type { Subject } from '../options.ts';
import { serversOf } from '../redis-server.ts';

/** Older ones get no fixes any more. */
const OLDEST_MAJOR = 14;
/** For migrations, operators and monitoring. */
const SPARE = 5;

export async function checkPostgres(subject: Subject): Promise<Finding[]> {
  const report = reporter('postgres');
  const { databaseUrl } = subject;
  if (!databaseUrl) return [report.skipped('it is not known', 'set DATABASE_URL to that of the services')];
  let db: Database | undefined;
  try {
    db = openDatabase({ url: databaseUrl, poolSize: 1, applicationName: 'chat-doctor', onError: () => {} });
    return await look(db, subject);
  } catch (error) {
    const fix = 'start it, or correct DATABASE_URL, the role and its rights, and the network policies';
    return [report.failed(`it does not answer: ${reasonOf(error)}`, fix)];
  } finally {
    await db?.destroy();
  }
}

interface Server {
  version: string;
  number: number;
  now: number;
  connections: number;
  reserved: number;
  synchronous: string;
  fsync: string;
  replica: boolean;
}

async function look(db: Database, subject: Subject): Promise<Finding[]> {
  const asked = Date.now();
  const { rows } = await sql<Server>`
    select current_setting('server_version') as version,
      current_setting('server_version_num')::integer as number,
      (extract(epoch from clock_timestamp()) * 1000)::float8 as now,
      current_setting('max_connections')::integer as connections,
      current_setting('superuser_reserved_connections')::integer as reserved,
      current_setting('synchronous_commit') as synchronous,
      current_setting('fsync') as fsync,
      pg_is_in_recovery() as replica`.execute(db);
  const [server] = rows;
  if (!server) throw new Error('it answers nothing');
  const answered = Date.now();
  return [
    judgeVersion(server),
    judgeSkew(reporter('clock of postgres'), server.now, { from: asked, to: answered }),
    judgeDurability(server),
    await judgeMigrations(db),
    await judgePools(server, subject),
  ];
}

function judgeVersion({ version, number, replica }: Server): Finding {
  const report = reporter('postgres');
  if (replica) return report.failed('it is a standby and takes no writes', 'name the primary in DATABASE_URL');
  if (number < OLDEST_MAJOR * 10_000)
    return report.failed(`${version} is too old`, `upgrade it to ${OLDEST_MAJOR} or newer`);
  return report.ok(version);
}

function judgeDurability({ fsync, synchronous }: Server): Finding {
  const report = reporter('durability');
  const off = fsync === 'off' ? 'fsync' : synchronous === 'off' ? 'synchronous_commit' : undefined;
  if (off === undefined) return report.ok('a commit is on disk');
  return report.failed(`${off} is off: what was acknowledged may be lost when the server crashes`, `set ${off} = on`);
}

async function judgeMigrations(db: Database): Promise<Finding> {
  const report = reporter('migrations');
  const missing = await pendingMigrations(db);
  if (missing.length === 0) return report.ok('the schema is that of this version');
  return report.failed(
    `missing: ${missing.join(', ')}`,
    'run node packages/postgres/src/migrate.ts: processes of this version wait for it',
  );
}

async function judgePools({ connections, reserved }: Server, subject: Subject): Promise<Finding> {
  const report = reporter('connections');
  const alive = await countProcesses(subject);
  const gateways = subject.gateways ?? alive?.gateways;
  const workers = subject.workers ?? alive?.workers;
  if (gateways === undefined || workers === undefined) {
    return report.skipped('how many processes there are is not known', 'give --gateways and --workers, or REDIS_URL');
  }
  const { gateway, worker } = subject.poolSize;
  const sum = gateways * gateway + workers * worker;
  const room = connections - reserved - SPARE;
  const found =
    `${gateways} gateways × ${gateway} and ${workers} workers × ${worker} are ${sum} connections at the most; ` +
    `${room} of max_connections ${connections} are for them`;
  if (sum <= room) return report.ok(found);
  return report.failed(found, 'lower PG_POOL_SIZE, raise max_connections, or put PgBouncer 1.21 or newer in between');
}

/** Those alive now, as Redis knows them; undefined when it does not tell. */
async function countProcesses({ redis }: Subject): Promise<{ gateways: number; workers: number } | undefined> {
  if (!redis) return undefined;
  try {
    const servers = await serversOf(redis);
    const cache = servers.find(({ parts }) => parts.includes('cache'));
    const queue = servers.find(({ queueIndex }) => queueIndex === 0);
    return {
      gateways: Number(await cache?.ask('ZCARD', 'chat:gateways')),
      workers: Number(await queue?.ask('ZCARD', 'chat:workers')),
    };
  } catch {
    return undefined;
  }
}
