import { every, type Logger } from '@chat-cluster/runtime';
import { sql } from 'kysely';
import { Histogram } from 'prom-client';
import { connectProblem } from './connect-problem.ts';
import type { Database } from './database.ts';
import { SessionRefused } from './session-client.ts';

const PROBE_EVERY_MS = 5_000;

/** The next probe uses a new connection, which may lead to another server. */
const READ_ONLY = 'Postgres is read-only here';

const probes = new Histogram({
  name: 'chat_postgres_probe_seconds',
  help: 'Time until Postgres responded to the probe of this process (every 5 s), including the wait for a connection',
  buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
});

/**
 * Probes every few seconds whether Postgres responds and accepts writes, so that readiness can report the result without
 * a query of its own, and an outage is logged once.
 */
export function watchDatabase(db: Database, logger: Logger): { check(): string; stop(): Promise<void> } {
  let state = 'ok';
  const probing = every(PROBE_EVERY_MS, async () => {
    const before = state;
    const observe = probes.startTimer();
    state = await sql<{ refuses: boolean }>`
      select pg_is_in_recovery() or current_setting('transaction_read_only')::boolean as refuses`
      .execute(db)
      .then(
        ({ rows }) => {
          observe();
          return rows[0]?.refuses ? READ_ONLY : 'ok';
        },
        (error: Error) => (error instanceof SessionRefused ? error.message : `not usable: ${connectProblem(error)}`),
      );
    if (before === 'ok' && state !== 'ok') logger.warn({ setting: 'DATABASE_URL', state }, 'postgres: not usable');
    if (before !== 'ok' && state === 'ok') logger.info('postgres: usable again');
  });
  return { check: () => state, stop: () => probing.stop() };
}
