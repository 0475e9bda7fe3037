import pg from 'pg';

/**
 * Classes and codes of SQLSTATE that pass by themselves: connection (08), rollback by serialization or deadlock (40),
 * no resources, which includes a full disk (53), operator intervention and statement time-outs (57), system (58), lock
 * not available (55P03), a former primary that is read-only now (25006), and the idle-in-transaction time-out (25P03).
 */
const TRANSIENT = /^(08|40|53|57|58)|^(55P03|25006|25P03)$/;
/** Two overlapping runs of one batch (see MessageStore): a repeat finds the other's rows. */
const UNIQUE_VIOLATION = '23505';

/**
 * True when the same call may succeed later: then it is to be repeated, not given up. False for data that Postgres will
 * never take. Everything that is no answer of the server (socket faults, time-outs of the pool) is transient.
 */
export function isTransientFault(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return isConnectionFault(error);
  return TRANSIENT.test(error.code ?? '') || (error.code === UNIQUE_VIOLATION && error.table === 'messages');
}

function isConnectionFault(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && typeof error.code === 'string') return true;
  return /connection|timeout|terminated|not queryable/i.test(error.message);
}
