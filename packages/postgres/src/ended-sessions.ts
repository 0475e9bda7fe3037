import pg from 'pg';

/**
 * SQLSTATE codes after which the session is of no use, but its connection may stay open:
 *
 *   08…    a pooler lost its server
 *   0A000  a prepared statement is older than the last migration (see isStalePlan)
 *   25…    the server is read-only (25006: a failover), or the session is in another transaction state than expected
 *   26000, 42P05   the prepared statements are those of another session: a pooler changed the server
 *   53300  no connections left
 *   57P…   the server stops, crashes or starts
 */
const OF_NO_USE = /^(08|0A000|25|26000|42P05|53300|57P)/;

/** True when a statement failed because of its session: the connection is to be replaced, and the statement repeated. */
export function endsSession(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return false;
  if (error.severity === 'FATAL' || error.severity === 'PANIC') return true;
  // 55000 also has other meanings: an object that is not in the right state.
  return OF_NO_USE.test(error.code ?? '') || (error.code === '55000' && /recovery/.test(error.message));
}

/** True when the server refused a write because it is read-only. */
export function isRefusedWrite(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '25006';
}

/** True when a migration changed the columns of the result since the statement was prepared. It was not executed. */
export function isStalePlan(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '0A000' && error.routine === 'RevalidateCachedQuery';
}
