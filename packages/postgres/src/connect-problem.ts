import { describeFault } from './faults.ts';

/** Why Postgres cannot be used, and what to do about it, in one line. */
export function connectProblem(error: unknown): string {
  return `${describeFault(error)}; ${remedyOf(error)}`;
}

/** What an operator can do about an error of Postgres, of a pooler in between, or of the connection. */
export function remedyOf(error: unknown): string {
  const { code = '', message = '' } = Object(error) as { code?: string; message?: string };
  const cause = `${code} ${message}`;
  return (
    FIXES.find(([pattern]) => pattern.test(cause))?.[1] ??
    'start Postgres, or correct the host and port of DATABASE_URL'
  );
}

/** By SQLSTATE or the code of Node, and the message. PgBouncer reports its own errors as 08P01. */
const FIXES: readonly (readonly [RegExp, string])[] = [
  [/^(42P05|26000)/, 'set pool_mode = session in pgbouncer.ini, or use the address of Postgres itself'],
  [/query_wait_timeout/, 'raise default_pool_size in pgbouncer.ini: each process needs PG_POOL_SIZE connections'],
  [
    /^08P01.*(SASL|password|authentication|no such user)/i,
    'correct the user and the password of DATABASE_URL, and userlist.txt of PgBouncer',
  ],
  [/^28/, 'correct the user and the password of DATABASE_URL'],
  [/^3D000/, 'correct the database of DATABASE_URL, or create it and run node packages/postgres/src/migrate.ts'],
  [/^42/, 'give the role of DATABASE_URL its rights: node packages/postgres/src/migrate.ts --roles'],
  [/^(53|57P)/, 'wait until Postgres has started, or raise its max_connections'],
  [/^SESSION_REFUSED.*(options|pooler)/, 'configure the pooler as infra/pgbouncer explains'],
  [/^SESSION_REFUSED/, 'set DATABASE_URL to the primary, or wait for the failover to end'],
  [/CERT|SIGNED|SSL|^EPROTO/, 'correct sslmode and sslrootcert of DATABASE_URL'],
  [
    /^ .*time-?out/i,
    'start Postgres, or correct the host and port of DATABASE_URL; behind PgBouncer, its log has the reason',
  ],
];
