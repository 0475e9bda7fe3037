import { randomUUID } from 'node:crypto';
import { CLUSTER_NAME } from '@chat-cluster/redis';
import { type AuditOptions, auditSlice } from './audit-slice.ts';

/** Name of the BullMQ queue of the audit, whose jobs are its slices. */
export const UNREAD_AUDIT = 'unread-audit';

/** Key of the turn: a random token of the worker that has it. */
const TURN = `${CLUSTER_NAME}:audit:turn`;
/** Longest turn, in ms: longer than a slice takes. If a slice takes longer, two may run at once, which is harmless. */
const TURN_MS = 60_000;
/**
 * A slice that took t ms is followed by a pause of 19 t, so the audit takes at most 5 % of a core of Postgres. Without a
 * pause, users with thousands of unread messages made it the dearest statement of a busy cluster: more time than all
 * messages took to be stored.
 */
const PAUSE = 19;
const LONGEST_PAUSE_MS = 3_600_000;

/** KEYS: turn. ARGV: own token, pause in ms. Ends the turn after the pause, unless another worker has it by now. */
const END_TURN = `
local holder = redis.call('GET', KEYS[1])
if not holder or holder == ARGV[1] then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end`;

/**
 * One job of the audit: checks the next slice of all unread counters and of the counts of members of groups
 * (audit-slice.ts). Does nothing during a turn or its pause, which may be longer than the interval of the jobs.
 */
export async function auditUnread(options: AuditOptions): Promise<void> {
  const { redis } = options;
  const token = randomUUID();
  const taken = await redis.set(TURN, token, { condition: 'NX', expiration: { type: 'PX', value: TURN_MS } });
  if (taken === null) return;
  const began = performance.now();
  try {
    await auditSlice(options);
  } finally {
    const pauseMs = Math.min(LONGEST_PAUSE_MS, Math.ceil((performance.now() - began) * PAUSE));
    await redis.eval(END_TURN, { keys: [TURN], arguments: [token, String(pauseMs)] });
  }
}
