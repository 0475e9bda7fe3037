import type { Logger } from '@chat-cluster/runtime';
import { sql } from 'kysely';
import type { Database } from './database.ts';

const EVERY_MS = 5_000;

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
    state = await sql`select 1`.execute(db).then(
      () => 'ok',
      (error: Error) => `does not answer: ${error.message}`,
    );
    asking = false;
    if (before === 'ok' && state !== 'ok') logger.warn({ state }, 'postgres: it does not answer');
    if (before !== 'ok' && state === 'ok') logger.info('postgres: it answers again');
  }, EVERY_MS);
  timer.unref();
  return { check: () => state, stop: () => clearInterval(timer) };
}
