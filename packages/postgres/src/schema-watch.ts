import { every, type Lifecycle, type Logger, type Readiness, startingReadiness } from '@chat-cluster/runtime';
import { connectProblem } from './connect-problem.ts';
import type { Database } from './database.ts';
import { unmetRequirements } from './requirements.ts';
import { pendingMigrations } from './schema-state.ts';

const CHECK_EVERY_MS = 2_000;

/**
 * Waits until Postgres has responded, with a schema that has all migrations of this version; usually it does at once.
 * During the wait the process is alive (`/healthz`) but not ready, logs the reason, and does nothing else. A worker
 * that took lanes could not serve them, and would keep them from workers that can: of the previous version, or with
 * the right password.
 *
 * `show` receives the readiness during the wait; absent in a fork, whose supervisor has the admin listener.
 */
export async function awaitSchema(
  db: Database,
  { logger, lifecycle, show }: { logger: Logger; lifecycle: Lifecycle; show?: ShowReadiness | undefined },
): Promise<Pick<SchemaCheck, 'tooOld' | 'check'>> {
  const schema = new SchemaCheck(db, logger);
  show?.({
    readiness: () => {
      if (schema.tooOld && !lifecycle.stopping) {
        return { ready: false, reason: 'schema', checks: { schema: schema.check() } };
      }
      return startingReadiness(lifecycle, { postgres: schema.check() });
    },
  });
  await schema.run();
  const checks = every(CHECK_EVERY_MS, async () => {
    if (await schema.run()) void checks.stop();
  });
  lifecycle.own('schema watch', checks, (repetition) => repetition.stop());
  await schema.upToDate;
  return schema;
}

type ShowReadiness = (parts: { readiness(): Readiness }) => void;

/** Checks whether the schema has the migrations of this version. A schema of a later version has them. */
class SchemaCheck {
  /** True when migrations of this version are missing. False while this is unknown. */
  tooOld = false;
  #upToDate = Promise.withResolvers<void>();
  #state = 'no response yet';
  #requirementsKnown = false;
  #db: Database;
  #logger: Logger;

  constructor(db: Database, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
  }

  /** Resolves with the first check that finds no missing migration. */
  get upToDate(): Promise<void> {
    return this.#upToDate.promise;
  }

  /** 'ok', or the problem and what to do. */
  check(): string {
    return this.#state;
  }

  /** Resolves with true when no further check is needed: a schema never becomes older. */
  async run(): Promise<boolean> {
    try {
      const missing = await pendingMigrations(this.#db);
      await this.#logUnmetRequirements();
      this.#update(missing);
      return missing.length === 0;
    } catch (error) {
      if (!this.tooOld) this.#waitFor(connectProblem(error));
      return false;
    }
  }

  /** A database that lacks something can still serve most requests, so it does not stop the process. */
  async #logUnmetRequirements(): Promise<void> {
    if (this.#requirementsKnown) return;
    const unmet = await unmetRequirements(this.#db);
    this.#requirementsKnown = true;
    for (const { problem, fix } of unmet) this.#logger.error(`database: ${problem}; ${fix}`);
  }

  /** Each problem is logged once. */
  #waitFor(problem: string): void {
    if (this.#state === problem) return;
    this.#state = problem;
    this.#logger.warn({ setting: 'DATABASE_URL', reason: problem }, 'postgres: waiting for its first response');
  }

  #update(missing: string[]): void {
    const wasTooOld = this.tooOld;
    this.tooOld = missing.length > 0;
    this.#state = this.tooOld
      ? `older than this version: ${missing.join(', ')} missing; run node packages/postgres/src/migrate.ts`
      : 'ok';
    if (this.tooOld && !wasTooOld) this.#logger.error({ missing }, `schema: ${this.#state}`);
    if (!this.tooOld && wasTooOld) this.#logger.info('schema: up to date');
    if (!this.tooOld) this.#upToDate.resolve();
  }
}
