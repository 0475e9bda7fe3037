import { every, type Logger } from '@chat-cluster/runtime';
import { sql } from 'kysely';
import { Histogram } from 'prom-client';
import type { Database } from './database.ts';

const PROBE_EVERY_MS = 5_000;

const probes = new Histogram({
  name: 'chat_postgres_probe_seconds',
  help: 'Time until Postgres responded to the probe of this process (every 5 s), including the wait for a connection',
  buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
});

/**
 * Probes Postgres every few seconds, so that readiness can report the result without a query of its own, and an outage
 * is logged once.
 */
export function watchDatabase(db: Database, logger: Logger): { check(): string; stop(): Promise<void> } {
  let state = 'ok';
  const probing = every(PROBE_EVERY_MS, async () => {
    const before = state;
    const observe = probes.startTimer();
    state = await sql`select 1`.execute(db).then(
      () => {
        observe();
        return 'ok';
      },
      (error: Error) => `not responding: ${error.message}`,
    );
    if (before === 'ok' && state !== 'ok') logger.warn({ setting: 'DATABASE_URL', state }, 'postgres: not responding');
    if (before !== 'ok' && state === 'ok') logger.info('postgres: responding again');
  });
  return { check: () => state, stop: () => probing.stop() };
}
