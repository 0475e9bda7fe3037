import { createHash } from 'node:crypto';
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
    query_timeout: QUERY_TIMEOUT_MS,
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
 */
class PreparingClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.on('error', () => {});
  }

  // biome-ignore lint/suspicious/noExplicitAny: pg declares query by a dozen overloads; only this one is changed.
  override query(...args: any[]): any {
    const [text, values] = args;
    if (typeof text === 'string' && Array.isArray(values)) {
      return super.query({ name: nameOf(text), text, values }, ...args.slice(2));
    }
    return (super.query as (...all: unknown[]) => unknown)(...args);
  }
}

const BIGINT = 20;

function getTypeParser(oid: number, format?: 'text' | 'binary') {
  return oid === BIGINT ? Number : pg.types.getTypeParser(oid, format as 'text');
}
