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
import { QUEUE_PREFIX } from '@chat-cluster/queue';
import type { RedisClient } from '@chat-cluster/redis';
import { type Logger, withDeadline } from '@chat-cluster/runtime';
import { Counter as Metric } from 'prom-client';

const audited = new Metric({
  name: 'chat_unread_audited_total',
  help: 'Unread counters checked against their messages',
});
const drifted = new Metric({
  name: 'chat_unread_drift_total',
  help: 'Unread counters that were wrong, and were healed',
});
const skipped = new Metric({ name: 'chat_unread_audit_skipped_total', help: 'Unread counters too costly to check' });
const passes = new Metric({ name: 'chat_unread_audit_passes_total', help: 'Passes of the audit over all counters' });

const ROWS = 200;
/** Counting more would keep a slice busy for seconds; `npm run unread -- audit` has no such bound. */
const MOST_UNREAD = 2_000_000;
/** A slice that was too slow is tried with a quarter of the rows, until one row alone has failed. */
const SMALLER = 4;
/** Longer than a slice takes. Should one take longer, two run at once, which costs only their work. */
const TURN_MS = 60_000;
const STOP_MS = 500;
const REMEMBERED_S = 7 * 24 * 3600;

const TURN = `${QUEUE_PREFIX}:audit:turn`;
const STATE = `${QUEUE_PREFIX}:audit:state`;

/** Where the audit of the whole cluster stands. Lost with Redis, it begins anew. */
interface State {
  after?: CounterKey | undefined;
  /** Rows of the next slice, when the last was too slow. */
  rows?: number | undefined;
  /** Healed, but maybe not told: the worker may have died in between. */
  tell?: DirtyBadge[] | undefined;
}

export interface WatchUnreadOptions {
  audit: UnreadAudit;
  recounts: RecountRequests;
  redis: RedisClient;
  logger: Logger;
  everyMs: number;
}

/**
 * Checks every unread counter against its messages, for ever, a slice at a time: one worker of the cluster has the turn
 * and passes it on after `everyMs`. What drifted is healed, and its devices are told. The store keeps counters in the
 * transaction of each message, so a drift is a fault of ours or somebody's SQL; either is worth a warning.
 */
export function watchUnread(options: WatchUnreadOptions): { stop(): Promise<void> } {
  const stop = new AbortController();
  const ended = (async () => {
    while (!stop.signal.aborted) {
      await delay(options.everyMs * (0.5 + Math.random()), undefined, { signal: stop.signal }).catch(() => {});
      if (stop.signal.aborted) return;
      await takeTurn(options).catch((error: unknown) =>
        options.logger.debug({ reason: describeFault(error) }, 'audit: a slice failed and comes again'),
      );
    }
  })();
  return {
    stop() {
      stop.abort();
      // A slice may wait for a Redis that is away; what it leaves undone, the next turn does.
      return withDeadline(ended, STOP_MS, 'audit').catch(() => {});
    },
  };
}

/** KEYS[1]: the turn. ARGV: our token, milliseconds. Lets our turn end in so long; that of another stays as it is. */
const PASS_ON = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end`;

async function takeTurn(options: WatchUnreadOptions): Promise<void> {
  const { redis, everyMs } = options;
  const token = randomUUID();
  const ours = await redis.set(TURN, token, { condition: 'NX', expiration: { type: 'PX', value: TURN_MS } });
  if (ours === null) return;
  try {
    await slice(options, JSON.parse((await redis.get(STATE)) ?? '{}') as State);
  } finally {
    await redis.eval(PASS_ON, { keys: [TURN], arguments: [token, String(everyMs)] });
  }
}

async function slice({ audit, recounts, redis, logger }: WatchUnreadOptions, state: State): Promise<void> {
  const remember = (next: State) =>
    redis.set(STATE, JSON.stringify(next), { expiration: { type: 'EX', value: REMEMBERED_S } });
  if (state.tell) await recounts.request(state.tell);
  const rows = state.rows ?? ROWS;
  const counters = boundedSlice(await audit.after(state.after, rows));
  const after = counters.at(-1);
  if (!after) {
    if (state.after) passes.inc();
    await remember({});
    return;
  }
  const next: State = { after: { conversationId: after.conversationId, userId: after.userId } };
  let tell: DirtyBadge[] | undefined;
  try {
    const badges = await heal({ audit, logger }, counters, (drifted) => {
      tell = drifted;
      return remember({ ...state, tell });
    });
    if (badges.length > 0) await recounts.request(badges);
    await remember(next);
  } catch (error) {
    if (!isTooSlow(error)) throw error;
    if (rows > 1) return void (await remember({ ...state, tell, rows: Math.ceil(rows / SMALLER) }));
    skip(logger, after);
    await remember({ ...next, tell });
  }
}

/** Resolves with whom to tell; `before` hears of them before anything is changed. */
async function heal(
  { audit, logger }: { audit: UnreadAudit; logger: Logger },
  counters: readonly Counter[],
  before: (badges: DirtyBadge[]) => Promise<unknown>,
): Promise<DirtyBadge[]> {
  const checked = counters.filter((counter) => unreadSpan(counter) <= MOST_UNREAD || skip(logger, counter));
  const drifts = await findDrift(audit, checked);
  audited.inc(checked.length);
  if (drifts.length === 0) return [];
  const badges = drifts.map(({ userId, conversationId }) => ({ userId, conversationId }));
  await before(badges);
  const { healed, left } = await healDrift(audit, drifts);
  drifted.inc(healed.length);
  const shown = healed.map(({ userId, conversationId, unreadCount, truth }) => ({
    userId,
    conversationId,
    was: unreadCount,
    is: truth,
  }));
  logger.warn({ healed: shown, left: left.length }, 'audit: unread counters had drifted');
  return badges;
}

function skip(logger: Logger, counter: Counter): false {
  skipped.inc();
  const { userId, conversationId } = counter;
  logger.warn(
    { userId, conversationId, messages: unreadSpan(counter) },
    'audit: an unread counter is too costly to check',
  );
  return false;
}
