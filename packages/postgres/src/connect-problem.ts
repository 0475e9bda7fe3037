import { describeFault } from './faults.ts';

/** Why Postgres cannot be used, and what to do about it, for a process that waits for its first response. */
export function connectProblem(error: unknown): string {
  const { code = '' } = Object(error) as { code?: string };
  const fix =
    FIXES.find(([cause]) => cause.test(code))?.[1] ?? 'start Postgres, or correct the host and port of DATABASE_URL';
  return `${describeFault(error)}; ${fix}`;
}

/** By SQLSTATE, or by the code of Node. */
const FIXES: readonly (readonly [RegExp, string])[] = [
  [/^28/, 'correct the user and the password of DATABASE_URL'],
  [/^3D000$/, 'correct the database of DATABASE_URL, or create it and run node packages/postgres/src/migrate.ts'],
  [/^42/, 'give the role of DATABASE_URL its rights: node packages/postgres/src/migrate.ts --roles'],
  [/^(53|57P)/, 'wait until Postgres has started, or raise its max_connections'],
  [/^SESSION_REFUSED$/, 'use the primary, or configure the pooler as infra/pgbouncer explains'],
  [/CERT|SIGNED|SSL|^EPROTO/, 'correct sslmode and sslrootcert of DATABASE_URL'],
];
