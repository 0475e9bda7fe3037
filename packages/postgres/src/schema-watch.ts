import { every, type Lifecycle, type Logger, type OpsOptions, serveOps } from '@chat-cluster/runtime';
import type { Database } from './database.ts';
import { describeFault } from './faults.ts';
import { unmetRequirements } from './requirements.ts';
import { pendingMigrations } from './schema-state.ts';

const CHECK_EVERY_MS = 2_000;

/**
 * Waits until the schema has all migrations of this version; usually it has them at once. During the wait the process
 * is alive (`/healthz`) but not ready, logs the reason, and does nothing else: if a worker took lanes, workers of the
 * previous version could not serve them. Does not wait while Postgres is unreachable, since the schema is unknown then;
 * it is checked again in the background.
 *
 * `admin`: address of the admin listener that answers probes during the wait; absent in a fork, whose supervisor has
 * the listener.
 */
export async function awaitSchema(
  db: Database,
  {
    logger,
    lifecycle,
    admin,
  }: { logger: Logger; lifecycle: Lifecycle; admin?: Pick<OpsOptions, 'host' | 'port' | 'token'> },
): Promise<Pick<SchemaCheck, 'tooOld' | 'check'>> {
  const schema = new SchemaCheck(db, logger);
  await schema.run();
  const checks = every(CHECK_EVERY_MS, async () => {
    if (await schema.run()) void checks.stop();
  });
  lifecycle.own('schema watch', checks, (repetition) => repetition.stop());
  if (!schema.tooOld) return schema;
  const readiness = () => ({ ready: false, reason: 'schema' as const, checks: { schema: schema.check() } });
  const ops = admin && (await serveOps({ ...admin, readiness, drain: () => lifecycle.end('POST /drain') }));
  await schema.upToDate;
  ops?.server.close();
  ops?.server.closeAllConnections();
  return schema;
}

/** Checks whether the schema has the migrations of this version. A schema of a later version has them. */
class SchemaCheck {
  /** True when migrations of this version are missing. False while this is unknown. */
  tooOld = false;
  #upToDate = Promise.withResolvers<void>();
  #state = 'not known yet';
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
      if (!this.tooOld) this.#state = `not known: ${describeFault(error)}`;
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
