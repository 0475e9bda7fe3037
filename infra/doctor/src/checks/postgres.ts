import {
  type Database,
  openDatabase,
  pendingMigrations,
  remedyOf,
  SessionRefused,
  schemaBirth,
  unmetRequirements,
  usesTransactionPooling,
} from '@chat-cluster/postgres';
import { CLUSTER_NAME } from '@chat-cluster/redis';
import { reasonOf } from '@chat-cluster/runtime';
import { sql } from 'kysely';
import { skewFinding } from '../clock-skew.ts';
import { type Finding, reporter } from '../finding.ts';
import type { Deployment } from '../options.ts';
import { listRedisServers } from '../redis-server.ts';
import { checkGroupSizes } from './groups.ts';

/** Connections to keep free for migrations, operators and monitoring. */
const SPARE_CONNECTIONS = 5;

/** Checks that Postgres is a writable primary of a supported version, with this schema and enough connections. */
export async function checkPostgres(deployment: Deployment): Promise<Finding[]> {
  const report = reporter('postgres');
  const { databaseUrl } = deployment;
  if (!databaseUrl) {
    return [report.skipped('DATABASE_URL is unknown', 'set DATABASE_URL to the value that the services use')];
  }
  let db: Database | undefined;
  try {
    db = openDatabase({ url: databaseUrl, poolSize: 1, applicationName: 'chat-doctor', onError: () => {} });
    if (await usesTransactionPooling(databaseUrl)) {
      const found = 'DATABASE_URL leads to a pooler that changes the session after each transaction';
      return [report.failed(found, 'set pool_mode = session in pgbouncer.ini, or use the address of Postgres itself')];
    }
    return await examineServer(db, deployment);
  } catch (error) {
    const found = error instanceof SessionRefused ? error.message : `it cannot be used: ${reasonOf(error)}`;
    return [report.failed(found, remedyOf(error))];
  } finally {
    await db?.destroy();
  }
}

interface Server {
  version: string;
  /** Its clock, in ms since the epoch. */
  now: number;
  maxConnections: number;
  reservedConnections: number;
  fullPageWrites: string;
  fsync: string;
}

async function examineServer(db: Database, deployment: Deployment): Promise<Finding[]> {
  const from = Date.now();
  const { rows } = await sql<Server>`
    select current_setting('server_version') as version,
      (extract(epoch from clock_timestamp()) * 1000)::float8 as now,
      current_setting('max_connections')::integer as "maxConnections",
      current_setting('superuser_reserved_connections')::integer as "reservedConnections",
      current_setting('full_page_writes') as "fullPageWrites",
      current_setting('fsync') as fsync`.execute(db);
  const [server] = rows;
  if (!server) throw new Error('the query for its settings returned no row');
  const to = Date.now();
  return [
    ...(await suitabilityFindings(db, server)),
    skewFinding(reporter('clock of postgres'), server.now, { from, to }),
    durabilityFinding(server),
    ...(await migrationsFindings(db, deployment)),
    await connectionsFinding(server, deployment),
    ...(await clusterFindings(db, deployment)),
  ];
}

async function suitabilityFindings(db: Database, { version }: Server): Promise<Finding[]> {
  const report = reporter('postgres');
  const unmet = await unmetRequirements(db);
  if (unmet.length === 0) return [report.ok(`version ${version}`)];
  return unmet.map(({ problem, fix }) => report.failed(problem, fix));
}

/** Sessions of the chat set `synchronous_commit` themselves. */
function durabilityFinding({ fsync, fullPageWrites }: Server): Finding {
  const report = reporter('durability');
  const off = fsync === 'off' ? 'fsync' : fullPageWrites === 'off' ? 'full_page_writes' : undefined;
  if (off === undefined) return report.ok('a commit is on disk before it is acknowledged');
  return report.failed(`${off} is off: a crash may lose acknowledged messages`, `set ${off} = on`);
}

async function migrationsFindings(db: Database, deployment: Deployment): Promise<Finding[]> {
  const report = reporter('migrations');
  const missing = await pendingMigrations(db);
  if (missing.length === 0) {
    return [report.ok('the schema is the one of this version'), ...(await checkGroupSizes(db, deployment))];
  }
  const fix = 'run node packages/postgres/src/migrate.ts: services of this version are not ready before that';
  return [report.failed(`these migrations are missing: ${missing.join(', ')}`, fix)];
}

async function connectionsFinding(server: Server, deployment: Deployment): Promise<Finding> {
  const report = reporter('connections');
  const running = await countProcesses(deployment);
  const gateways = deployment.gateways ?? running?.gateways;
  const workers = deployment.workers ?? running?.workers;
  if (gateways === undefined || workers === undefined) {
    return report.skipped('the number of processes is unknown', 'pass --gateways and --workers, or set REDIS_URL');
  }
  const { gateway, worker } = deployment.poolSize;
  const needed = gateways * gateway + workers * worker;
  const available = server.maxConnections - server.reservedConnections - SPARE_CONNECTIONS;
  const found =
    `gateways (${gateways} × ${gateway}) and workers (${workers} × ${worker}) open up to ${needed} connections; ` +
    `${available} of max_connections = ${server.maxConnections} are available to them`;
  if (needed <= available) return report.ok(found);
  return report.failed(found, 'lower PG_POOL_SIZE, or raise max_connections');
}

/** Checks that the Redis belongs to the cluster of this database. */
async function clusterFindings(db: Database, { redis }: Deployment): Promise<Finding[]> {
  if (!redis) return [];
  const here = await schemaBirth(db).catch(() => undefined);
  if (here === undefined) return [];
  const servers = await listRedisServers(redis).catch(() => []);
  const withKeys = servers.filter(({ purposes }) => purposes.some((purpose) => purpose !== 'pubsub'));
  const owners = await Promise.all(
    withKeys.map(({ send }) => send('GET', `${CLUSTER_NAME}:database`).catch(() => null)),
  );
  const other = owners.find((owner) => owner !== null && owner !== here);
  const report = reporter('cluster name');
  if (other === undefined) return [report.ok(`no other cluster uses the name ${CLUSTER_NAME} on this Redis`)];
  const found = `a cluster whose database was created at ${other} uses the name ${CLUSTER_NAME} on this Redis; this database: ${here}`;
  return [
    report.failed(
      found,
      `set CLUSTER_NAME to another name, or, if that cluster is gone, delete the key ${CLUSTER_NAME}:database`,
    ),
  ];
}

/** Processes that are running now, according to Redis. Undefined when Redis does not respond. */
async function countProcesses({ redis }: Deployment): Promise<{ gateways: number; workers: number } | undefined> {
  if (!redis) return undefined;
  try {
    const servers = await listRedisServers(redis);
    const cache = servers.find(({ purposes }) => purposes.includes('cache'));
    const queue = servers.find(({ queueIndex }) => queueIndex === 0);
    return {
      gateways: Number(await cache?.send('ZCARD', `${CLUSTER_NAME}:gateways`)),
      workers: Number(await queue?.send('ZCARD', `${CLUSTER_NAME}:workers`)),
    };
  } catch {
    return undefined;
  }
}
