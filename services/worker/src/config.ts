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
} from '@chat-cluster/runtime';
import type { z } from 'zod';

export const workerSettings = commonConfig.extend({
  WORKER_NAME: processName().default(hostname()),
  /** Port of /healthz, /readyz, /metrics, /lanes and POST /drain; 0 takes a free port. */
  ADMIN_PORT: integer(0, 65_535, 9_091),
  /** Lanes of the unread recount, partitioned by user. All workers must have the same number. */
  RECOUNT_LANES: integer(1, 64, 2),
  /** Connections to Postgres. A process uses at most one per lane that it holds, and a few for its background work. */
  PG_POOL_SIZE: integer(1, 100, 8),
  /** Milliseconds between two slices of the unread audit, of all workers together; 0 turns it off. */
  AUDIT_INTERVAL_MS: milliseconds(0, 3_600_000, 1_000),
  /** Bull Board at /queues of the admin port: read-only, without the contents of jobs. */
  QUEUE_BOARD: flag().default(false),
});

export type WorkerConfig = z.output<typeof workerSettings>;

export function loadConfig(env: NodeJS.ProcessEnv): Readonly<WorkerConfig> {
  return parseConfig(workerSettings, env, (config, problem) => {
    checkAdmin(config, problem);
    checkRedis(config, problem);
  });
}
