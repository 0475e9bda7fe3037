import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { showPool } from './pool-gauges.ts';
import type { Schema } from './schema.ts';

export type Database = Kysely<Schema>;

export interface DatabaseOptions {
  url: string;
  /** Connections of this process. Sum over all processes, at their maximum, must stay below max_connections. */
  poolSize: number;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  onError(error: Error): void;
}

/** Milliseconds a statement may run on the server, and a caller waits for a free connection. */
const STATEMENT_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 2_000;
/** A server that hangs does not keep its own timeout; the client's is a little later, so the server's speaks first. */
const QUERY_TIMEOUT_MS = 6_000;
const LOOK_EVERY_MS = 500;
/** In pg's own words. */
export const QUERY_TIMED_OUT = 'Query read timeout';

/**
 * Every statement of the product finds its rows by an index, and its text never changes, so one plan serves for ever.
 * Without this, a plan that was made while a table was empty reads all of it later, for as long as the connection lives.
 * (A PgBouncer in between needs `ignore_startup_parameters = options`, and the role the same settings by ALTER ROLE.)
 */
const PLANNER = '-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off';

/**
 * The pool and the query builder over it. Every statement is prepared by name, because the text of each is constant:
 * the server plans it once per connection. (Through PgBouncer in transaction mode that needs 1.21 or later with
 * `max_prepared_statements`.) `bigint` comes as a number: a seq stays far below 2^53.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    Client: PreparingClient,
    connectionString: options.url,
    max: options.poolSize,
    application_name: options.applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    options: PLANNER,
    keepAlive: true,
    types: { getTypeParser },
  });
  pool.on('error', options.onError);
  showPool(pool);
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
}

const names = new Map<string, string>();

function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = createHash('sha1').update(text).digest('base64url');
    names.set(text, name);
  }
  return name;
}

/**
 * Kysely asks `query(text, values)`; this asks the server by the statement's name. The pool listens for errors only while
 * a connection is idle: one cut between two statements of a transaction would end the process. The next statement on it
 * fails, which is how its user hears of it.
 *
 * Promise and time limit are made here, not by pg: both of pg's kept every statement, with its text and its rows, from
 * being collected young. At 500 messages a second that was 2.7 MB to copy for each collection of a worker, which paused
 * it for 15 to 23 ms a second; without, 2 ms. (Seen with pg 8.22 and Node 24: `--trace-gc-nvp`, new_space_survived.)
 */
class PreparingClient extends pg.Client {
  #sentAt: number | undefined;

  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.on('error', () => {});
    const watch = setInterval(() => this.#cutWhenLate(), LOOK_EVERY_MS);
    watch.unref();
    this.once('end', () => clearInterval(watch));
  }

  // biome-ignore lint/suspicious/noExplicitAny: pg declares query by a dozen overloads; only this one is changed.
  override query(...args: any[]): any {
    const [text, values] = args;
    if (typeof text !== 'string' || !Array.isArray(values) || args.length > 2) {
      return (super.query as (...all: unknown[]) => unknown)(...args);
    }
    this.#sentAt = performance.now();
    return new Promise((resolve, reject) => {
      super.query({ name: nameOf(text), text, values }, (error: Error | null, result) => {
        this.#sentAt = undefined;
        if (error) reject(error);
        else resolve(result);
      });
    });
  }

  /** The statement under way fails with it, and the pool drops the connection: what it would still say is nobody's. */
  #cutWhenLate(): void {
    if (this.#sentAt === undefined || performance.now() - this.#sentAt < QUERY_TIMEOUT_MS) return;
    (this as unknown as Connected).connection.stream.destroy(new Error(QUERY_TIMED_OUT));
  }
}

/** What pg (8) keeps to itself. */
interface Connected {
  connection: { stream: Duplex };
}

const BIGINT = 20;

function getTypeParser(oid: number, format?: 'text' | 'binary') {
  return oid === BIGINT ? Number : pg.types.getTypeParser(oid, format as 'text');
}
