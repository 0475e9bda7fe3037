import { sql } from 'kysely';
import type { Database } from './database.ts';

const EVERY_MS = 5_000;

/** Asks Postgres every few seconds whether it answers, so that readiness can say so without asking in the request. */
export function watchDatabase(db: Database): { check(): string; stop(): void } {
  let state = 'ok';
  let asking = false;
  const timer = setInterval(async () => {
    if (asking) return;
    asking = true;
    state = await sql`select 1`.execute(db).then(
      () => 'ok',
      (error: Error) => `does not answer: ${error.message}`,
    );
    asking = false;
  }, EVERY_MS);
  timer.unref();
  return { check: () => state, stop: () => clearInterval(timer) };
}
