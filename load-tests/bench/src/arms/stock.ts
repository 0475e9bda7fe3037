import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { signToken, startPostgres, startRedis, startService, toolsFolder } from '@chat-cluster/local-cluster';
import { mapConcurrently, queryPostgres, temporaryFolder } from '@chat-cluster/testkit';
import type { PlannedPair } from '../traffic/connection.ts';
import type { ArmOptions, ProcessKind, RunningArm } from './arm.ts';
import { STOCK_SCHEMA } from './stock/store.ts';
import { GROUP_SIZE, planPairs, planUsers } from './users.ts';

/** Files in the folder `stock`, and what they do. */
interface StockPrograms {
  gateway: string;
  worker?: string;
  stores: boolean;
  acks: boolean;
}

export interface StockOptions extends ArmOptions {
  /** Default: 2. */
  gateways?: number;
  /** Added to the environment of every process. */
  env?: NodeJS.ProcessEnv;
}

const STOP_WITHIN_MS = 2_000;

const JOBS = { gateway: 'job-gateway.ts', worker: 'job-worker.ts', stores: true, acks: true };

export const startRelay = startStock.bind(undefined, { gateway: 'relay.ts', stores: false, acks: false });
export const startGroupRelay = startStock.bind(undefined, { gateway: 'group-relay.ts', stores: false, acks: false });
export const startInline = startStock.bind(undefined, { gateway: 'inline.ts', stores: true, acks: true });
export const startJobs = startStock.bind(undefined, JOBS);
export const startIdleGateway = startStock.bind(undefined, { gateway: 'idle-gateway.ts', stores: false, acks: true });

/**
 * Starts an arm of plain Socket.IO servers: gateways on ports of their own, a worker if it has one, and a Redis and a
 * Postgres started as `npm start` starts them.
 */
async function startStock(
  programs: StockPrograms,
  options: StockOptions,
  undo: AsyncDisposableStack,
): Promise<RunningArm> {
  const { pairs: count, idle, gateways: gatewayCount = 2, onUnexpectedExit: log } = options;
  const dataDir = undo.use(temporaryFolder()).path;
  const jwtSecret = randomBytes(32).toString('hex');
  const redis = await startRedis({ dataDir: join(dataDir, 'redis'), toolsDir: toolsFolder, log });
  undo.defer(() => redis.stop());
  const processes: RunningArm['processes'] = [{ name: 'redis', pid: redis.pid }];
  const database = programs.stores ? await startDatabase(dataDir, log, undo) : undefined;
  if (database) {
    await queryPostgres(database.url, STOCK_SCHEMA);
    processes.push({ name: 'postgres', pid: database.pid });
  }
  const urls = { REDIS_URL: redis.url, ...(database ? { DATABASE_URL: database.url } : {}) };
  const groups = { GROUPS: String(options.groups ?? 0), GROUP_SIZE: String(GROUP_SIZE) };
  const env = { ...process.env, JWT_SECRET: jwtSecret, ...urls, ...groups, ...options.env };
  const start = async (kind: ProcessKind, program: string, name: string) => {
    const main = join(import.meta.dirname, 'stock', program);
    const service = await startService({ name, main, env, logFile: join(dataDir, `${name}.log`), log });
    undo.defer(() => service.stop(STOP_WITHIN_MS));
    processes.push({ name: kind, pid: service.pid() });
    return { url: `http://127.0.0.1:${service.ready().port}` };
  };
  if (programs.worker) await start('workers', programs.worker, 'worker');
  const names = Array.from({ length: gatewayCount }, (_, i) => `gateway-${i + 1}`);
  const gateways = await mapConcurrently(names, names.length, (name) => start('gateways', programs.gateway, name));
  const tokenOf = (user: string) => signToken(user, jwtSecret);
  const pairs = planPairs(count, gateways, tokenOf);
  if (database) await addConversations(database.url, pairs);
  else for (const pair of pairs) pair.conversationId = pair.devices.map(({ user }) => user).join('~');
  return {
    protocol: 'socket.io',
    devicesPerMessage: 2,
    acks: programs.acks,
    conversations: pairs,
    idle: planUsers('idle', idle, gateways, tokenOf),
    databaseUrl: database?.url,
    processes,
    ...(database ? { reset: () => markAllRead(database.url) } : {}),
  };
}

/** Starts an empty Postgres as `npm start` does. `undo` ends it. */
export async function startDatabase(dataDir: string, log: (line: string) => void, undo: AsyncDisposableStack) {
  const postgres = await startPostgres({ dataDir: join(dataDir, 'postgres'), log });
  undo.defer(() => postgres.stop());
  return postgres;
}

/**
 * Adds the conversations, each with 200 read messages: on new tables Postgres would plan without the indexes, and keep
 * that plan.
 */
async function addConversations(url: string, pairs: readonly PlannedPair[]): Promise<void> {
  const column = (value: (pair: PlannedPair) => string) => pairs.map(value);
  await queryPostgres(url, 'insert into conversations select * from unnest($1::uuid[], $2::text[], $3::text[])', [
    column(({ conversationId }) => conversationId),
    column(({ devices }) => devices[0].user),
    column(({ devices }) => devices[1].user),
  ]);
  await queryPostgres(
    url,
    `
    insert into messages (conversation_id, sender_id, receiver_id, content, is_read)
    select id, user_a, user_b, repeat('x', 100), true from conversations, generate_series(1, 200)`,
  );
  await queryPostgres(url, 'vacuum analyze');
}

/** So that the unread count covers the messages of one run, not of all. */
async function markAllRead(url: string): Promise<void> {
  await queryPostgres(url, 'update messages set is_read = true where not is_read');
  await queryPostgres(url, 'vacuum analyze messages');
}
