import { ResultUnreadable } from '@chat-cluster/domain';
import pg from 'pg';
import { QUERY_TIMED_OUT } from './database.ts';
import { isRefusedWrite } from './ended-sessions.ts';
import { SessionRefused } from './session-client.ts';

/** SQLSTATE classes of invalid data: wrong format (22), violated constraint (23), too large (54). */
const DATA_FAULT = /^(22|23|54)/;
/** Caused by two overlapping runs of one batch (see MessageStore): a repetition finds the rows of the other run. */
const UNIQUE_VIOLATION = '23505';

/**
 * True when the same call may succeed later and should be repeated: for any error that Postgres reports about itself
 * (restart, failover, locks, a full disk, a schema that is not migrated yet, missing rights of the role) and for any
 * connection error. False for data that Postgres will never accept, for faults in this code, and for a result that
 * cannot be read.
 */
export function isTransientFault(error: unknown): boolean {
  if (error instanceof ResultUnreadable) return false;
  if (!(error instanceof pg.DatabaseError)) return isConnectionFault(error);
  if (error.code === UNIQUE_VIOLATION) return isStoredAlready(error);
  return !DATA_FAULT.test(error.code ?? '');
}

/**
 * True when the server refuses writes. The pool then ends all its connections, so a repetition uses a new one, which
 * after a failover leads to the new primary.
 */
export function isReadOnlyServer(error: unknown): boolean {
  return error instanceof SessionRefused || isRefusedWrite(error);
}

/** True when a message is already stored under the same key or `seq`. */
export function isStoredAlready(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === UNIQUE_VIOLATION && error.table === 'messages';
}

/**
 * Short description of a fault for logs and dead letters: the SQLSTATE and the message, without the values that
 * Postgres and JSON.parse quote in it, and without the fields that contain whole rows.
 */
export function describeFault(error: unknown): string {
  if (error instanceof SyntaxError) return 'SyntaxError: invalid JSON';
  if (!(error instanceof Error)) return 'thrown: not an Error';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return `${code}: ${error.message.replace(/: ".*/s, '')}`.slice(0, 300);
}

/** True when a statement was cancelled because it took too long: a smaller one may succeed. */
export function isTooSlow(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && error.code === '57014') || error.message === QUERY_TIMED_OUT;
}

function isConnectionFault(error: unknown): boolean {
  // A TypeError or RangeError is a bug, even if Node gives it a code (ERR_INVALID_ARG_TYPE).
  if (!(error instanceof Error) || error instanceof TypeError || error instanceof RangeError) return false;
  if ('code' in error && typeof error.code === 'string') return true;
  return /connection|timeout|terminated|not queryable/i.test(error.message);
}
