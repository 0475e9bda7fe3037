import type { Logger } from '@chat-cluster/runtime';
import { sql } from 'kysely';
import { Histogram } from 'prom-client';
import type { Database } from './database.ts';

const EVERY_MS = 5_000;

const probes = new Histogram({
  name: 'chat_postgres_probe_seconds',
  help: 'Answers of Postgres to the question of this process whether it is there, every 5 s; a place in the pool included',
  buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
});

/**
 * Asks Postgres every few seconds whether it answers, so that readiness can say so without asking in the request, and
 * an outage is in the log once.
 */
export function watchDatabase(db: Database, logger: Logger): { check(): string; stop(): void } {
  let state = 'ok';
  let asking = false;
  const timer = setInterval(async () => {
    if (asking) return;
    asking = true;
    const before = state;
    const answered = probes.startTimer();
    state = await sql`select 1`.execute(db).then(
      () => {
        answered();
        return 'ok';
      },
      (error: Error) => `does not answer: ${error.message}`,
    );
    asking = false;
    if (before === 'ok' && state !== 'ok') logger.warn({ state }, 'postgres: it does not answer');
    if (before !== 'ok' && state === 'ok') logger.info('postgres: it answers again');
  }, EVERY_MS);
  timer.unref();
  return { check: () => state, stop: () => clearInterval(timer) };
}
