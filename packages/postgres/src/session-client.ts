import type { EventEmitter } from 'node:events';
import pg from 'pg';
import { FORMS, optionsOf, settingsOf, type TimeLimits } from './session-settings.ts';

export interface SessionConfig extends pg.PoolConfig {
  limits: TimeLimits;
}

/**
 * Postgres responds, but its session is of no use: the server refuses writes, or a pooler has dropped settings that the
 * results are read with. A new connection may lead to another server, so this is a transient fault.
 */
export class SessionRefused extends Error {
  override name = 'SessionRefused';
  code = 'SESSION_REFUSED';
}

/**
 * A connection whose session works the same on every database:
 *
 * - The startup packet contains the settings of session-settings.ts and the `options` of the URL. They replace those of
 *   the database and the role. PgBouncer ignores them (infra/pgbouncer), so a statement sets them there.
 * - `connect` rejects with SessionRefused when the server refuses writes: a standby, or a primary that was replaced and
 *   is read-only. After a failover, an address or a stale DNS entry may still lead to it.
 * - `isSpoiled` becomes true when an open session turns out to be of no use. Its owner then ends it.
 *
 * It has an 'error' listener, because a pool listens only while a connection is idle: a connection that breaks between
 * two statements of a transaction would end the process. With the listener, the next statement fails instead.
 */
export class SessionClient extends pg.Client {
  /** True when the session must not be used for further transactions. */
  isSpoiled = false;
  /** True when the server refuses writes since a moment after the connect. */
  isReadOnly = false;
  readonly #limits: TimeLimits;
  #options = '';

  constructor(config: SessionConfig) {
    super(config);
    this.#limits = config.limits;
    this.on('error', () => {});
    const { connection, connectionParameters } = this as unknown as PrivateClient;
    // A URL could set it. Its error would leave the connection in use while the statement continues.
    connectionParameters.query_timeout = undefined;
    connection.on('parameterStatus', ({ parameterName, parameterValue }: ParameterStatus) => {
      if (!REFUSES_WRITES.has(parameterName)) return;
      this.isReadOnly = parameterValue === 'on';
      this.isSpoiled ||= this.isReadOnly;
    });
  }

  /** Called by pg: the parameters of the startup packet. */
  getStartupConf(): Record<string, string> {
    const conf = (pg.Client.prototype as unknown as PrivateClient).getStartupConf.call(this);
    this.#options = optionsOf(this.#limits, conf.options);
    return { ...conf, options: this.#options };
  }

  // biome-ignore lint/suspicious/noExplicitAny: pg declares two overloads; a pool passes the callback.
  override connect(callback?: (error: any, client?: any) => void): any {
    const connected = this.#connectAndCheck();
    if (!callback) return connected;
    connected.then(() => callback(null, this), callback);
  }

  async #connectAndCheck(): Promise<this> {
    await super.connect().catch((error: unknown) => {
      throw isOptionsRefused(error) ? new SessionRefused(OPTIONS_REFUSED) : error;
    });
    try {
      let { rows } = await super.query<SessionRow>(CHECK);
      if (rows[0]?.pid !== (this as unknown as PrivateClient).processID) {
        const [names, values] = [0, 1].map((i) => settingsOf(this.#options).map((setting) => setting[i]));
        await super.query(SET, [names, values]);
        ({ rows } = await super.query<SessionRow>(CHECK));
      }
      refuseUnusable(rows[0]);
      return this;
    } catch (error) {
      // A pool regards a connection that fails to connect as closed.
      void this.end().catch(() => {});
      throw error;
    }
  }
}

/** Settings that Postgres (14 or newer) reports to the client at the start and whenever they change. */
const REFUSES_WRITES = new Set(['in_hot_standby', 'default_transaction_read_only']);

/** Sets the settings `$1` to the values `$2` in this order, for the session. */
const SET = `select set_config(name, value, false)
  from unnest($1::text[], $2::text[]) with ordinality as settings(name, value, place) order by place`;

/** A sentence for the log and for `/readyz`. */
const OPTIONS_REFUSED =
  'DATABASE_URL leads to a PgBouncer that refuses connections with options: ' +
  'set ignore_startup_parameters = options in pgbouncer.ini';

function isOptionsRefused(error: unknown): boolean {
  return error instanceof Error && /unsupported startup parameter.*options/.test(error.message);
}

type SessionRow = Record<string, string> & { isStandby: boolean; pid: number };

/**
 * Reads the state of the session, and turns off two time limits that not every version has, so they cannot be in the
 * startup packet: `idle_session_timeout` (14) and `transaction_timeout` (17).
 */
const CHECK = `select
  ${Object.keys(FORMS)
    .map((name) => `current_setting('${name}') as "${name}"`)
    .join(', ')},
  current_setting('default_transaction_read_only') as "readOnly",
  pg_is_in_recovery() as "isStandby",
  pg_backend_pid() as pid,
  ${['idle_session_timeout', 'transaction_timeout']
    .map((name) => `case when current_setting('${name}', true) <> '0' then set_config('${name}', '0', false) end`)
    .join(', ')}`;

function refuseUnusable(session: SessionRow | undefined): void {
  if (session?.isStandby) throw new SessionRefused('Postgres is read-only here: this server is a standby');
  if (session?.readOnly === 'on') {
    throw new SessionRefused('Postgres is read-only here: default_transaction_read_only is on');
  }
  const lost = Object.entries(FORMS).filter(([name, value]) => session?.[name] !== value);
  if (lost.length === 0) return;
  const [differences, fixes] = [
    lost.map(([name]) => `${name} is ${session?.[name]}`),
    lost.map(([name, value]) => `set ${name} = '${value}'`),
  ];
  throw new SessionRefused(
    `a pooler drops settings of the session: ${differences.join(', ')}. ALTER ROLE … ${fixes.join('; ALTER ROLE … ')}`,
  );
}

interface ParameterStatus {
  parameterName: string;
  parameterValue: string;
}

/** Private parts of pg 8 that are used here. */
interface PrivateClient {
  /** Process id of the session, as the server or the pooler reports it. */
  processID: number;
  connection: EventEmitter;
  connectionParameters: { query_timeout: unknown };
  getStartupConf(): Record<string, string>;
}
