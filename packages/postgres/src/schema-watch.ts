import { type Lifecycle, type Logger, serveOps } from '@chat-cluster/runtime';
import type { Database } from './database.ts';
import { describeFault } from './faults.ts';
import { migrationsToCome } from './schema-state.ts';

const LOOK_EVERY_MS = 2_000;

/** What a process knows of the schema it works on. One that is newer than this version is as good. */
export interface SchemaWatch {
  /** True while Postgres says that migrations of this version have not been run; false while it is not known. */
  readonly tooOld: boolean;
  /** 'ok', or what is wrong and what to do. */
  check(): string;
}

export interface SchemaWatchOptions {
  logger: Logger;
  lifecycle: Lifecycle;
  /** Of the admin listener that answers probes meanwhile; absent: there is none, the supervisor has it. */
  admin?: { host: string; port: number };
}

/**
 * Resolves once the schema is not too old for this version: usually at once, else when somebody has migrated it. Until
 * then the process lives (`/healthz`), is not ready, says so in its log, and does nothing: a worker that took lanes
 * would keep them from workers of the version before, which could serve them. Postgres that does not answer is no reason to wait, and
 * is asked again in the background.
 */
export async function awaitSchema(db: Database, options: SchemaWatchOptions): Promise<SchemaWatch> {
  const { logger, lifecycle, admin } = options;
  const look = new SchemaLook(db, logger);
  await look.now();
  const timer = setInterval(() => void look.now().then((good) => good && clearInterval(timer)), LOOK_EVERY_MS);
  lifecycle.own('schema watch', timer, (one) => clearInterval(one));
  if (!look.tooOld) return look;
  const readiness = () => ({ ready: false, reason: 'schema' as const, checks: { schema: look.check() } });
  const ops = admin && (await serveOps({ ...admin, readiness, drain: () => lifecycle.end('POST /drain') }));
  await look.notTooOld;
  ops?.server.close();
  ops?.server.closeAllConnections();
  return look;
}

class SchemaLook implements SchemaWatch {
  tooOld = false;
  /** Resolves at the first look that finds it so. */
  readonly notTooOld: Promise<void>;
  #resolve: () => void = () => {};
  #state = 'not known yet';
  #db: Database;
  #logger: Logger;

  constructor(db: Database, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
    this.notTooOld = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  check(): string {
    return this.#state;
  }

  /** Resolves with true when there is nothing more to look for; a schema never becomes older. */
  async now(): Promise<boolean> {
    try {
      const missing = await migrationsToCome(this.#db);
      this.#note(missing);
      return missing.length === 0;
    } catch (error) {
      if (!this.tooOld) this.#state = `not known: ${describeFault(error)}`;
      return false;
    }
  }

  #note(missing: string[]): void {
    const wasTooOld = this.tooOld;
    this.tooOld = missing.length > 0;
    this.#state = this.tooOld
      ? `older than this version: ${missing.join(', ')} missing; run node packages/postgres/src/migrate.ts`
      : 'ok';
    if (this.tooOld && !wasTooOld) this.#logger.error({ missing }, `schema: ${this.#state}`);
    if (!this.tooOld && wasTooOld) this.#logger.info('schema: it is that of this version now');
    if (!this.tooOld) this.#resolve();
  }
}
