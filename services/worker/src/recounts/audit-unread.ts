import { randomUUID } from 'node:crypto';
import { CLUSTER_NAME } from '@chat-cluster/redis';
import { type AuditOptions, auditSlice } from './audit-slice.ts';

/** Name of the BullMQ queue of the audit, whose jobs are its slices. */
export const UNREAD_AUDIT = 'unread-audit';

/** Key of the turn: a random token of the worker that has it. */
const TURN = `${CLUSTER_NAME}:audit:turn`;
/** Longest turn, in ms: longer than a slice takes. If a slice takes longer, two may run at once, which is harmless. */
const TURN_MS = 60_000;

/** KEYS: turn. ARGV: own token. Ends the turn, if it is still this worker's. */
const END_TURN = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`;

/**
 * One job of the audit: checks the next slice of all unread counters and of the counts of members of groups
 * (audit-slice.ts). Does nothing while a slice runs that took longer than the interval of the jobs.
 */
export async function auditUnread(options: AuditOptions): Promise<void> {
  const { redis } = options;
  const token = randomUUID();
  const taken = await redis.set(TURN, token, { condition: 'NX', expiration: { type: 'PX', value: TURN_MS } });
  if (taken === null) return;
  try {
    await auditSlice(options);
  } finally {
    await redis.eval(END_TURN, { keys: [TURN], arguments: [token] });
  }
}
