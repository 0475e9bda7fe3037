import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  boundedSlice,
  type Counter,
  type CounterKey,
  type DirtyBadge,
  findDrift,
  healDrift,
  type RecountRequests,
  type UnreadAudit,
  unreadSpan,
} from '@chat-cluster/domain';
import { describeFault, isTooSlow } from '@chat-cluster/postgres';
import { CLUSTER_NAME, type RedisClient } from '@chat-cluster/redis';
import { type Logger, withDeadline } from '@chat-cluster/runtime';
import { Counter as Metric } from 'prom-client';

export interface WatchUnreadOptions {
  audit: UnreadAudit;
  recounts: RecountRequests;
  redis: RedisClient;
  logger: Logger;
  /** Pause between two slices of the whole cluster, in ms. */
  everyMs: number;
}

/** Longest wait for the slice in progress at a stop, in ms. */
const STOP_MS = 500;

/**
 * Compares all unread counters with their messages, endlessly and slice by slice. One worker at a time holds a lock in
 * Redis (the turn) and releases it `everyMs` after its slice. A counter that drifted is corrected, and the devices of
 * its user are notified. The store updates counters in the transaction of each message, so a drift is a bug of this
 * product or a manual change; both are worth a warning.
 *
 * Each worker waits for a random time between two attempts, so that all of them get turns.
 */
export function watchUnread(options: WatchUnreadOptions): { stop(): Promise<void> } {
  const stop = new AbortController();
  const ended = (async () => {
    for (;;) {
      await delay(options.everyMs * (0.5 + Math.random()), undefined, { signal: stop.signal });
      await takeTurn(options).catch((error: unknown) =>
        options.logger.debug({ reason: describeFault(error) }, 'audit: a slice failed and will be repeated'),
      );
    }
  })();
  return {
    stop() {
      stop.abort();
      // A slice may wait for a Redis that is away. The next turn does what it leaves undone.
      return withDeadline(ended, STOP_MS, 'audit').catch(() => {});
    },
  };
}

/** Key of the turn: a random token of the worker that has it. */
const TURN = `${CLUSTER_NAME}:audit:turn`;
/** Longest turn, in ms: longer than a slice takes. If a slice takes longer, two may run at once, which is harmless. */
const TURN_MS = 60_000;

/** KEYS: turn. ARGV: own token, ms. Lets the turn expire after that time, if it is still this worker's. */
const PASS_ON = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end`;

async function takeTurn(options: WatchUnreadOptions): Promise<void> {
  const { redis, everyMs } = options;
  const token = randomUUID();
  const taken = await redis.set(TURN, token, { condition: 'NX', expiration: { type: 'PX', value: TURN_MS } });
  if (taken === null) return;
  try {
    await auditSlice(options, JSON.parse((await redis.get(STATE)) ?? '{}') as State);
  } finally {
    await redis.eval(PASS_ON, { keys: [TURN], arguments: [token, String(everyMs)] });
  }
}

const STATE = `${CLUSTER_NAME}:audit:state`;
const STATE_EXPIRES_S = 7 * 24 * 3600;

/** Progress of the audit of the whole cluster. If Redis loses it, the audit starts again with the first counter. */
interface State {
  /** The last counter that was checked. */
  after?: CounterKey | undefined;
  /** Rows of the next slice, if the last one was too slow. */
  rows?: number | undefined;
  /** Badges of corrected counters that may not be recounted yet: the worker may have died in between. */
  toRecount?: DirtyBadge[] | undefined;
}

/** Counters in one slice. */
const ROWS = 200;
/** A slice that was too slow is repeated with this fraction of its rows, down to one row. */
const SMALLER = 1 / 4;

async function auditSlice({ audit, recounts, redis, logger }: WatchUnreadOptions, state: State): Promise<void> {
  const save = (next: State) =>
    redis.set(STATE, JSON.stringify(next), { expiration: { type: 'EX', value: STATE_EXPIRES_S } });
  if (state.toRecount) await recounts.request(state.toRecount);
  const rows = state.rows ?? ROWS;
  const counters = boundedSlice(await audit.after(state.after, rows));
  const last = counters.at(-1);
  if (!last) {
    if (state.after) passes.inc();
    await save({});
    return;
  }
  const next: State = { after: { conversationId: last.conversationId, userId: last.userId } };
  let toRecount: DirtyBadge[] | undefined;
  try {
    const badges = await fixDrift({ audit, logger }, counters, (badges) => {
      toRecount = badges;
      return save({ ...state, toRecount });
    });
    if (badges.length > 0) await recounts.request(badges);
    await save(next);
  } catch (error) {
    if (!isTooSlow(error)) throw error;
    if (rows > 1) return void (await save({ ...state, toRecount, rows: Math.ceil(rows * SMALLER) }));
    skip(logger, last);
    await save({ ...next, toRecount });
  }
}

/** Corrects counters that drifted; resolves with their badges. `beforeFix` receives the badges before any change. */
async function fixDrift(
  { audit, logger }: { audit: UnreadAudit; logger: Logger },
  counters: readonly Counter[],
  beforeFix: (badges: DirtyBadge[]) => Promise<unknown>,
): Promise<DirtyBadge[]> {
  const checked = counters.filter((counter) => unreadSpan(counter) <= MAX_UNREAD || skip(logger, counter));
  const drifts = await findDrift(audit, checked);
  audited.inc(checked.length);
  if (drifts.length === 0) return [];
  const badges = drifts.map(({ userId, conversationId }) => ({ userId, conversationId }));
  await beforeFix(badges);
  const { healed, left } = await healDrift(audit, drifts);
  drifted.inc(healed.length);
  const changes = healed.map(({ userId, conversationId, unreadCount: was, truth: is }) => {
    return { userId, conversationId, was, is };
  });
  logger.warn({ healed: changes, left: left.length }, 'audit: unread counters had drifted');
  return badges;
}

/** Largest span of messages that is counted: more takes seconds. `npm run unread -- audit` has no such limit. */
const MAX_UNREAD = 2_000_000;

function skip(logger: Logger, counter: Counter): false {
  skipped.inc();
  const { userId, conversationId } = counter;
  const fields = { userId, conversationId, messages: unreadSpan(counter) };
  logger.warn(fields, 'audit: an unread counter is too costly to check');
  return false;
}

const audited = new Metric({ name: 'chat_unread_audited_total', help: 'Unread counters compared with their messages' });
const drifted = new Metric({
  name: 'chat_unread_drift_total',
  help: 'Unread counters that were wrong and were corrected',
});
const skipped = new Metric({ name: 'chat_unread_audit_skipped_total', help: 'Unread counters too costly to check' });
const passes = new Metric({ name: 'chat_unread_audit_passes_total', help: 'Passes of the audit over all counters' });
