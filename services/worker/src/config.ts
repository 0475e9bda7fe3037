import { hostname } from 'node:os';
import {
  checkAdmin,
  checkRedis,
  commonConfig,
  flag,
  integer,
  milliseconds,
  parseConfig,
  processName,
  text,
} from '@chat-cluster/runtime';
import type { z } from 'zod';

export const workerSettings = commonConfig.extend({
  WORKER_NAME: processName().default(hostname()),
  /** Port of /healthz, /readyz, /metrics, /cluster and POST /drain; 0 takes a free port. */
  ADMIN_PORT: integer(0, 65_535, 9_091),
  /** Lanes of the unread recount, partitioned by user. All workers must have the same number. */
  RECOUNT_LANES: integer(1, 64, 2),
  /** Connections to Postgres. A process uses at most one per lane that it holds, and a few for its background work. */
  PG_POOL_SIZE: integer(1, 100, 8),
  /** Shortest time between two slices of the unread audit, of all workers together, in ms; 0 turns it off. */
  AUDIT_INTERVAL_MS: milliseconds(0, 3_600_000, 1_000),
  /** Members of a group. */
  MAX_GROUP_MEMBERS: integer(2, 100_000, 1_000),
  /** Groups that a user is in. */
  MAX_GROUPS_PER_USER: integer(1, 100_000, 1_000),
  /** Users that are added to a group at once. */
  MAX_USERS_PER_ADD: integer(1, 1_000, 100),
  /** Milliseconds in which the sender of a message may edit it; 0: never. Owners and admins of a group always may. */
  EDIT_WINDOW_MS: milliseconds(0, 31_536_000_000, 900_000),
  /** Milliseconds in which the sender of a message may delete it; 0: never. Owners and admins of a group always may. */
  DELETE_WINDOW_MS: milliseconds(0, 31_536_000_000, 900_000),
  /** Bull Board at /queues of the admin port: read-only, without the contents of jobs. */
  QUEUE_BOARD: flag().default(false),
  /** Folder with the built web pages, for /cluster of the admin port. Without it only the API is served. */
  WEB_DIR: text().optional(),
});

export type WorkerConfig = z.output<typeof workerSettings>;

/** The limits that all workers must share; the doctor compares them. */
export function sharedLimits(config: Readonly<WorkerConfig>) {
  const { RECOUNT_LANES, MAX_GROUP_MEMBERS, MAX_GROUPS_PER_USER, MAX_USERS_PER_ADD } = config;
  const { EDIT_WINDOW_MS, DELETE_WINDOW_MS } = config;
  return {
    RECOUNT_LANES,
    MAX_GROUP_MEMBERS,
    MAX_GROUPS_PER_USER,
    MAX_USERS_PER_ADD,
    EDIT_WINDOW_MS,
    DELETE_WINDOW_MS,
  };
}

export function loadConfig(env: NodeJS.ProcessEnv): Readonly<WorkerConfig> {
  return parseConfig(workerSettings, env, (config, problem) => {
    checkAdmin(config, problem);
    checkRedis(config, problem);
  });
}
