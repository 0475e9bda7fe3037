/*
 * The settings of every session. They replace those of the database, the role and DATABASE_URL, and decide how values
 * are written and read, and that a commit is durable.
 */

/** Time limits of a session, in ms; 0: none. */
export interface TimeLimits {
  statement_timeout: number;
  lock_timeout: number;
  idle_in_transaction_session_timeout: number;
}

/**
 * Settings that statements and their results rely on, as `current_setting` shows them. With `synchronous_commit = off` a
 * crash would lose acknowledged messages; with `local` a failover would. `array_nulls = off` would store the text "NULL".
 * Statements rely on `read committed`: one that waited for a row sees what the other transaction committed.
 */
export const FORMS = {
  client_encoding: 'UTF8',
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  row_security: 'on',
  synchronous_commit: 'on',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
} as const;

/**
 * Settings of the planner. Every statement on the tables of the chat finds its rows by an index, and its text never
 * changes, so one plan suits every size of a table. With Postgres's defaults, a connection that makes a plan while a
 * table is empty scans the whole table with this plan as long as it is open.
 */
export const PLANS = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_indexscan: 'on',
  enable_indexonlyscan: 'on',
  enable_bitmapscan: 'on',
  enable_nestloop: 'on',
  enable_sort: 'on',
  enable_hashagg: 'on',
  jit: 'off',
} as const;

/**
 * `options` of the startup packet; a later setting wins. Those of the URL may replace the time limits and `search_path`,
 * which decides in which schema the tables are.
 */
export function optionsOf(limits: TimeLimits, ofUrl = ''): string {
  return [toOptions({ search_path: 'public', ...limits }), ofUrl, toOptions({ ...PLANS, ...FORMS })]
    .filter(Boolean)
    .join(' ');
}

/** Names and values of `options`, in order. */
export function settingsOf(options: string): [name: string, value: string][] {
  return [...options.matchAll(/-c\s*([\w.]+)=((?:\\.|[^\s\\])*)/g)].map(([, name = '', value = '']) => [
    name,
    value.replaceAll(/\\(.)/g, '$1'),
  ]);
}

function toOptions(settings: Record<string, string | number>): string {
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${String(value).replaceAll(/[\s\\]/g, '\\$&')}`)
    .join(' ');
}
