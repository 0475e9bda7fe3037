import type { PostgresState, RedisState } from '@chat-cluster/contracts';
import type { OperatorQueries } from '@chat-cluster/postgres';
import type { RedisClient } from '@chat-cluster/redis';
import { withDeadline } from '@chat-cluster/runtime';
import { cachedFor } from '../cached-for.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';

/** Time limit for an answer of a server, in ms. */
const DEADLINE_MS = 1_000;
/** Time between two readings of the size of the database, in ms. */
const SIZE_EVERY_MS = 60_000;

/** A Redis server in one of its roles. */
export interface RoleServer {
  role: RedisState['role'];
  /** Host and port. */
  server: string;
  client: RedisClient;
}

/** The state of each Redis server per role. A server with several roles is probed once. */
export async function readRedis(servers: readonly RoleServer[], live: readonly Snapshot[]): Promise<RedisState[]> {
  const clients = new Map(servers.map(({ client }) => [client, probeRedis(client)]));
  return Promise.all(
    servers.map(async ({ role, server, client }) => ({
      role,
      server,
      ...((await clients.get(client)) ?? { up: false }),
      unreachableFrom: live.flatMap(({ name, down }) => (down.includes(`redis_${role}`) ? [name] : [])),
    })),
  );
}

async function probeRedis(client: RedisClient): Promise<Omit<RedisState, 'role' | 'server' | 'unreachableFrom'>> {
  const began = performance.now();
  try {
    await withDeadline(client.ping(), DEADLINE_MS, 'ping');
  } catch {
    return { up: false };
  }
  const responseMs = performance.now() - began;
  // A user that may not read INFO gets no figures.
  const info = await withDeadline(client.info(), DEADLINE_MS, 'info').catch(() => '');
  const number = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? Number.NaN);
  const version = /^redis_version:(\S+)/m.exec(info)?.[1];
  const figures = {
    memoryBytes: number('used_memory'),
    maxMemoryBytes: number('maxmemory'),
    commandsPerSecond: number('instantaneous_ops_per_sec'),
    clients: number('connected_clients'),
  };
  const known = Object.entries(figures).filter(([, value]) => !Number.isNaN(value));
  return { up: true, responseMs, ...Object.fromEntries(known), ...(version && { version }) };
}

/** Reads the state of Postgres. The size of the database is at most a minute old. */
export function postgresReader(queries: OperatorQueries, server: string) {
  const size = cachedFor(SIZE_EVERY_MS, () => queries.databaseBytes());
  let databaseBytes: number | undefined;
  return async (live: readonly Snapshot[]): Promise<PostgresState> => {
    const unreachableFrom = live.flatMap(({ name, down }) => (down.includes('postgres') ? [name] : []));
    const began = performance.now();
    try {
      const figures = await withDeadline(queries.server(), DEADLINE_MS, 'postgres');
      const responseMs = performance.now() - began;
      // With a time limit of its own, because a large database has many files.
      databaseBytes = await withDeadline(size(), DEADLINE_MS, 'size').catch(() => databaseBytes);
      return { server, up: true, responseMs, ...figures, ...(databaseBytes && { databaseBytes }), unreachableFrom };
    } catch {
      return { server, up: false, unreachableFrom };
    }
  };
}
