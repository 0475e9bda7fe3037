import { awaitSchema, openDatabase, watchDatabase } from '@chat-cluster/postgres';
import type { Lifecycle, Logger } from '@chat-cluster/runtime';
import type { WorkerConfig } from './config.ts';

export type WorkerPostgres = Awaited<ReturnType<typeof openPostgres>>;

/**
 * Opens the pool, and waits while the schema is older than this version: a worker that took lanes would keep them from
 * workers of the previous version, which can serve them. It does not wait while Postgres is away, since the schema
 * version is then unknown.
 */
export async function openPostgres(
  config: WorkerConfig,
  { logger, lifecycle }: { logger: Logger; lifecycle: Lifecycle },
) {
  const db = openDatabase({
    url: config.DATABASE_URL,
    poolSize: config.PG_POOL_SIZE,
    applicationName: config.WORKER_NAME,
    onError: (error) => logger.warn({ reason: error.message }, 'postgres: an idle connection was lost'),
  });
  lifecycle.own('postgres', db, (database) => database.destroy());
  const admin = { host: config.HOST, port: config.ADMIN_PORT };
  const schema = await awaitSchema(db, { logger, lifecycle, admin });
  const watch = lifecycle.own('postgres watch', watchDatabase(db, logger), (watcher) => watcher.stop());
  return { db, schema, check: watch.check };
}
