import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { SessionClient } from './session-client.ts';

/** The roles of the services, with the variable that has the password of each. */
export const ROLE_PASSWORDS = { chat_gateway: 'CHAT_GATEWAY_PASSWORD', chat_worker: 'CHAT_WORKER_PASSWORD' } as const;

type Role = keyof typeof ROLE_PASSWORDS;

/** Runs of several processes wait for each other: concurrent grants on one table fail. */
const LOCK = `select pg_advisory_xact_lock(hashtext('chat-cluster roles'))`;
const RIGHTS = readFileSync(join(import.meta.dirname, '../roles.sql'), 'utf8');

/**
 * Gives the roles of the services the rights of roles.sql. A role with a password is created if it does not exist, and
 * gets this password; the others must exist. One transaction: running services never lack a right in between.
 */
export async function grantRoles(url: string, passwords: Partial<Record<Role, string | undefined>>): Promise<void> {
  const limits = { lock_timeout: 0, statement_timeout: 0, idle_in_transaction_session_timeout: 0 };
  const client = new SessionClient({ connectionString: url, application_name: 'chat-migrate', limits });
  try {
    await client.connect();
    await client.query([LOCK, ...Object.entries(passwords).flatMap(createRole), RIGHTS].join(';\n'));
  } finally {
    await client.end();
  }
}

function createRole([role, password]: [string, string | undefined]): string[] {
  if (password === undefined) return [];
  const [name, text] = [pg.escapeIdentifier(role), pg.escapeLiteral(role)];
  return [
    `do $$ begin if not exists (select from pg_roles where rolname = ${text}) then create role ${name}; end if; end $$`,
    `alter role ${name} login password ${pg.escapeLiteral(password)}`,
  ];
}
