import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalPostgres, type LocalRedis, startRedis, toolsFolder } from '@chat-cluster/local-cluster';
import { type Database, migrate, openDatabase } from '@chat-cluster/postgres';
import { askRedis } from './ask-redis.ts';
import { startTestPostgres } from './postgres-template.ts';
import { queryPostgres } from './query-postgres.ts';

interface Servers {
  folder: string;
  postgres: LocalPostgres;
  redis: LocalRedis;
}

let servers: Promise<Servers> | undefined;

/**
 * The private Postgres and Redis of this mocha process: real servers, started by the first test that needs them and
 * stopped by the root hook. Postgres forces nothing to disk; otherwise they are configured as in production.
 */
export function privateServers(): Promise<Servers> {
  servers ??= start();
  return servers;
}

async function start(): Promise<Servers> {
  const folder = await mkdtemp(join(tmpdir(), 'chat-test-'));
  const log = () => {};
  const [postgres, redis] = await Promise.all([
    startTestPostgres({ dataDir: join(folder, 'postgres'), durable: false, log }),
    startRedis({ dataDir: join(folder, 'redis'), toolsDir: toolsFolder, log }),
  ]);
  return { folder, postgres, redis };
}

export async function stopPrivateServers(): Promise<void> {
  if (!servers) return;
  const { folder, postgres, redis } = await servers;
  await Promise.all([postgres.stop(), redis.stop()]);
  await rm(folder, { recursive: true, force: true });
}

/** Creates an empty database. The Redis of the test run then belongs to the next cluster that starts. */
export async function emptyDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const { postgres, redis } = await privateServers();
  await askRedis(redis.url, 'DEL', 'chat:database');
  const name = `test_${randomBytes(6).toString('hex')}`;
  await queryPostgres(postgres.url, `create database ${name}`);
  const url = new URL(postgres.url);
  url.pathname = `/${name}`;
  const drop = async () => void (await queryPostgres(postgres.url, `drop database ${name} with (force)`));
  return { url: url.href, drop };
}

/** Creates a database with the schema and no rows, for one suite. Drop it in an `after` hook. */
export async function freshDatabase(): Promise<{ url: string; db: Database; drop(): Promise<void> }> {
  const { url, drop } = await emptyDatabase();
  await migrate(url);
  const db = openDatabase({ url, poolSize: 4, applicationName: 'test', onError: () => {} });
  return {
    url,
    db,
    async drop() {
      await db.destroy();
      await drop();
    },
  };
}
