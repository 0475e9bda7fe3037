import pg from 'pg';
import { QUERY_TIMED_OUT } from './database.ts';

/** SQLSTATE classes that speak of the data: it has a wrong form (22), breaks a constraint (23), is too large (54). */
const DATA_FAULT = /^(22|23|54)/;
/** Two overlapping runs of one batch (see MessageStore): a repeat finds the other's rows. */
const UNIQUE_VIOLATION = '23505';

/**
 * True when the same call may succeed later, and so is to be repeated, not given up: whatever Postgres says of itself
 * (restart, failover, locks, a full disk, a schema that is not migrated yet, a role without rights) and whatever keeps us
 * from reaching it. False for data that Postgres will never take, and for faults in our own code.
 */
export function isTransientFault(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return isConnectionFault(error);
  if (error.code === UNIQUE_VIOLATION) return isStoredAlready(error);
  return !DATA_FAULT.test(error.code ?? '');
}

/** True when a message was to be stored that is there already, under its key or its number. */
export function isStoredAlready(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === UNIQUE_VIOLATION && error.table === 'messages';
}

/**
 * What a fault was, for people and in short: the SQLSTATE and the message, without the values that Postgres (and
 * JSON.parse) quote in it. The fields that hold whole rows are left out.
 */
export function describeFault(error: unknown): string {
  if (error instanceof SyntaxError) return 'SyntaxError: not the JSON that was expected';
  if (!(error instanceof Error)) return 'thrown: not an error';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return `${code}: ${error.message.replace(/: ".*/s, '')}`.slice(0, 300);
}

/** True when a statement was cut off because it took too long: less of the same may succeed. */
export function isTooSlow(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && error.code === '57014') || error.message === QUERY_TIMED_OUT;
}

function isConnectionFault(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && typeof error.code === 'string') return true;
  return /connection|timeout|terminated|not queryable/i.test(error.message);
}
