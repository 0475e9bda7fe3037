/*
 * The arms that are not ours, as processes: the same number of gateways and workers, and a Redis and a Postgres started as
 * `npm start` starts them.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalPostgres, startPostgres, startRedis, startService, toolsFolder } from '@chat-cluster/local-cluster';
import pg from 'pg';
import { STOCK_SCHEMA } from './arms/stock-store.ts';
import type { ArmOptions, ProcessKind, RunningArm } from './arms.ts';
import { planIdle, planPairs } from './pairs.ts';
import type { PlannedPair } from './wire.ts';

interface StockArm {
  gateway: string;
  worker?: string;
  stores: boolean;
  acks: boolean;
}

const GATEWAYS = 2;

export const startRelay = (options: ArmOptions) =>
  startStock({ gateway: 'relay.ts', stores: false, acks: false }, options);
export const startInline = (options: ArmOptions) =>
  startStock({ gateway: 'inline.ts', stores: true, acks: true }, options);
export const startJobs = (options: ArmOptions) =>
  startStock({ gateway: 'job-gateway.ts', worker: 'job-worker.ts', stores: true, acks: true }, options);

async function startStock(arm: StockArm, { pairs: count, idle, log }: ArmOptions): Promise<RunningArm> {
  const undo = new AsyncDisposableStack();
  try {
    const dataDir = await mkdtemp(join(tmpdir(), 'chat-compare-'));
    undo.defer(() => rm(dataDir, { recursive: true, force: true }));
    const jwtSecret = randomBytes(32).toString('hex');
    const redis = await startRedis({ dataDir: join(dataDir, 'redis'), toolsDir: toolsFolder, log });
    undo.defer(() => redis.stop());
    const processes: RunningArm['processes'] = [{ name: 'redis', pid: redis.pid }];
    const database = arm.stores ? await startDatabase(dataDir, log, undo) : undefined;
    if (database) await database.client.query(STOCK_SCHEMA);
    if (database) processes.push({ name: 'postgres', pid: database.postgres.pid });
    const env = { JWT_SECRET: jwtSecret, REDIS_URL: redis.url, DATABASE_URL: database?.postgres.url };
    const start = async (kind: ProcessKind, main: string, name: string) => {
      const logFile = join(dataDir, `${name}.log`);
      const file = join(import.meta.dirname, 'arms', main);
      const service = await startService({ name, main: file, env: { ...process.env, ...env }, logFile, log });
      undo.defer(() => service.stop(2_000));
      processes.push({ name: kind, pid: service.pid() });
      return { url: `http://127.0.0.1:${service.ready().port}` };
    };
    if (arm.worker) await start('workers', arm.worker, 'worker');
    const gateways = await Promise.all(
      Array.from({ length: GATEWAYS }, (_, i) => start('gateways', arm.gateway, `gateway-${i + 1}`)),
    );
    const pairs = planPairs(count, gateways, jwtSecret);
    if (database) await addConversations(database.client, pairs);
    else for (const pair of pairs) pair.conversationId = pair.devices.map(({ user }) => user).join('~');
    const parts = undo.move();
    return {
      protocol: 'socket.io',
      devicesPerMessage: 2,
      acks: arm.acks,
      pairs,
      idle: planIdle(idle, gateways, jwtSecret),
      databaseUrl: database?.postgres.url,
      processes,
      tidy: async () => {
        if (database) await readAll(database.client);
      },
      [Symbol.asyncDispose]: () => parts.disposeAsync(),
    };
  } catch (error) {
    await undo.disposeAsync();
    throw error;
  }
}

/** A Postgres as `npm start` has it, empty, and a connection to it; both end with `undo`. */
export async function startDatabase(dataDir: string, log: (line: string) => void, undo: AsyncDisposableStack) {
  const postgres: LocalPostgres = await startPostgres({ dataDir: join(dataDir, 'postgres'), log });
  undo.defer(() => postgres.stop());
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  undo.defer(() => client.end());
  return { postgres, client };
}

/** With a past of 200 read messages each: on tables that are new, Postgres would plan without the indexes, and keep the plan. */
async function addConversations(client: pg.Client, pairs: readonly PlannedPair[]): Promise<void> {
  const column = (value: (pair: PlannedPair) => string) => pairs.map(value);
  await client.query('insert into conversations select * from unnest($1::uuid[], $2::text[], $3::text[])', [
    column(({ conversationId }) => conversationId),
    column(({ devices }) => devices[0].user),
    column(({ devices }) => devices[1].user),
  ]);
  await client.query(`
    insert into messages (conversation_id, sender_id, receiver_id, content, is_read)
    select id, user_a, user_b, repeat('x', 100), true from conversations, generate_series(1, 200)`);
  await client.query('vacuum analyze');
}

/** Everybody has read everything, so that a count is of the messages of one run, not of all. */
async function readAll(client: pg.Client): Promise<void> {
  await client.query('update messages set is_read = true where not is_read');
  await client.query('vacuum analyze messages');
}
