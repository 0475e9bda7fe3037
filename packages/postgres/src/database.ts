import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { ResultUnreadable } from '@chat-cluster/domain';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { endsSession, isRefusedWrite, isStalePlan } from './ended-sessions.ts';
import { showPool } from './pool-gauges.ts';
import type { Schema } from './schema.ts';
import { SessionClient, type SessionConfig, SessionRefused } from './session-client.ts';
import type { TimeLimits } from './session-settings.ts';

export type Database = Kysely<Schema>;

export interface DatabaseOptions {
  url: string;
  /** Maximum number of connections of this process. The sum over all processes must stay below max_connections. */
  poolSize: number;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  onError(error: Error): void;
}

/** Longest run time of a statement on the server, in ms. */
const STATEMENT_TIMEOUT_MS = 5_000;
/** Longest wait for a free connection, in ms. */
const CONNECT_TIMEOUT_MS = 2_000;
/** Time limit of a statement in the client, in ms, for a server that hangs and does not apply its own limit. */
const QUERY_TIMEOUT_MS = 6_000;
/** Interval at which a connection checks for a late statement, in ms. */
const CHECK_EVERY_MS = 500;
/** Error message of a statement that exceeded QUERY_TIMEOUT_MS; pg uses the same text. */
export const QUERY_TIMED_OUT = 'Query read timeout';

const LIMITS: TimeLimits = {
  statement_timeout: STATEMENT_TIMEOUT_MS,
  lock_timeout: 0,
  idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
};

/**
 * Opens the connection pool and the query builder on top of it. Every statement is prepared under a name, because its
 * text is constant: the server plans it once per connection. `bigint` is read as a number: a seq stays far below 2^53.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const config: SessionConfig = {
    connectionString: options.url,
    max: options.poolSize,
    application_name: options.applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    types: { getTypeParser },
    limits: LIMITS,
  };
  const pool = new pg.Pool({ Client: PreparingClient as unknown as new () => pg.Client, ...config });
  pool.on('error', options.onError);
  endSpoiledSessions(pool);
  showPool(pool);
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
}

/**
 * Ends the connections that are spoiled. When one of them leads to a server that is read-only, a failover has happened,
 * and all the others are ended too: each of them would otherwise fail its next statement.
 */
function endSpoiledSessions(pool: pg.Pool): void {
  const idle = new Set<PreparingClient>();
  const inUse = new Set<PreparingClient>();
  const each = (event: 'acquire' | 'remove', handle: (client: PreparingClient) => void) =>
    pool.on(event, (client) => handle(client as unknown as PreparingClient));
  each('acquire', (client) => {
    idle.delete(client);
    inUse.add(client);
  });
  each('remove', (client) => {
    idle.delete(client);
    inUse.delete(client);
  });
  // Emitted before the pool decides whether it keeps the connection; it does not keep one that is ending.
  pool.on('release', (_error, released) => {
    const client = released as unknown as PreparingClient;
    inUse.delete(client);
    if (!client.isSpoiled) return void idle.add(client);
    void client.end();
    if (!client.isReadOnly) return;
    for (const other of inUse) other.isSpoiled = true;
    for (const other of idle) other.break('another connection of this pool found its Postgres to be read-only');
  });
}

/**
 * Executes the `query(text, values)` of Kysely as a prepared statement with a name.
 *
 * A fault after which the session is of no use spoils the connection (`endsSession`). One of them is repaired here: after
 * a migration that changes the type of a column, Postgres refuses to execute statements that were prepared before it.
 * Outside of a transaction the statement is prepared anew, under another name.
 *
 * Promise and time limit are implemented here, because those of pg keep every statement, with its text and its rows, in
 * memory beyond the next collection of young objects. With pg's, a worker at 500 messages per second copied 2.7 MB in
 * each collection, and collections paused it for 15 to 23 ms per second; with these, 22 kB and 2 ms. (pg 8.23, Node 24;
 * `--trace-gc-nvp`, new_space_survived.)
 */
class PreparingClient extends SessionClient {
  #sentAt: number | undefined;
  /** Suffix of the names of statements that are prepared from now on. */
  #suffix = '';

  constructor(config: SessionConfig) {
    super(config);
    const timer = setInterval(() => this.#breakWhenLate(), CHECK_EVERY_MS);
    timer.unref();
    this.once('end', () => clearInterval(timer));
  }

  // biome-ignore lint/suspicious/noExplicitAny: pg declares query by a dozen overloads; only this one is changed.
  override query(...args: any[]): any {
    const [text, values] = args;
    if (typeof text !== 'string' || !Array.isArray(values) || args.length > 2) {
      return (super.query as (...all: unknown[]) => unknown)(...args);
    }
    return new Promise((resolve, reject) => this.#execute(text, values, { resolve, reject }));
  }

  #execute(text: string, values: unknown[], caller: Caller): void {
    this.#sentAt = performance.now();
    super.query({ name: nameOf(text) + this.#suffix, text, values }, (error: Error | null, result) => {
      this.#sentAt = undefined;
      // The server became read-only before this statement: after a failover its data is old.
      if (!error && this.isReadOnly) return caller.reject(new SessionRefused('Postgres has become read-only here'));
      if (!error) return caller.resolve(result);
      if (isStalePlan(error) && this.getTransactionStatus() === 'I' && !caller.isRepeat) {
        this.#suffix += "'";
        return this.#execute(text, values, { ...caller, isRepeat: true });
      }
      this.isSpoiled ||= endsSession(error);
      this.isReadOnly ||= isRefusedWrite(error);
      caller.reject(error);
    });
  }

  /** Breaks the connection of a late statement: the statement fails, and the pool drops the connection. */
  #breakWhenLate(): void {
    if (this.#sentAt === undefined || performance.now() - this.#sentAt < QUERY_TIMEOUT_MS) return;
    this.break(QUERY_TIMED_OUT);
  }

  /** Closes the connection at once. A statement in progress fails, and the pool drops an idle connection. */
  break(reason: string): void {
    (this as unknown as PrivateClient).connection.stream.destroy(new Error(reason));
  }
}

interface Caller {
  resolve(result: unknown): void;
  reject(error: Error): void;
  isRepeat?: boolean;
}

/** Private part of pg 8 that is used here. */
interface PrivateClient {
  connection: { stream: Duplex };
}

const statementNames = new Map<string, string>();

function nameOf(text: string): string {
  let name = statementNames.get(text);
  if (name === undefined) {
    name = createHash('sha1').update(text).digest('base64url');
    statementNames.set(text, name);
  }
  return name;
}

const BIGINT = 20;

type Parser = (text: string) => unknown;
const parsers = new Map<number, Parser>();

/** The parser of a type. A text that it cannot parse fails the statement, which the server has executed. */
function getTypeParser(oid: number): Parser {
  let parser = parsers.get(oid);
  if (!parser) {
    const parse: Parser = oid === BIGINT ? Number : pg.types.getTypeParser(oid, 'text');
    parser = (text) => {
      try {
        return parse(text);
      } catch (cause) {
        throw new ResultUnreadable(cause);
      }
    };
    parsers.set(oid, parser);
  }
  return parser;
}
