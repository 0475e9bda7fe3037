import {
  boundedSlice,
  type Counter,
  type CounterKey,
  type DirtyBadge,
  findDrift,
  hasDrifted,
  healDrift,
  healMemberDrift,
  type MemberAudit,
  type MemberCountsKey,
  type RecountRequests,
  type UnreadAudit,
  unreadSpan,
} from '@chat-cluster/domain';
import { isTooSlow } from '@chat-cluster/postgres';
import { CLUSTER_NAME, type RedisClient } from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';
import { Counter as Metric } from 'prom-client';

export interface AuditOptions {
  audit: UnreadAudit;
  members: MemberAudit;
  recounts: RecountRequests;
  redis: RedisClient;
  logger: Logger;
}

const STATE = `${CLUSTER_NAME}:audit:state`;
const STATE_EXPIRES_S = 7 * 24 * 3600;

/** Progress of the audit of the whole cluster. If Redis loses it, the audit starts again with the first counter. */
interface State {
  /** The last counter that was checked. */
  after?: CounterKey | undefined;
  /** Rows of the next slice, if the last one was too slow. */
  rows?: number | undefined;
  /** After the counters of direct conversations: members of groups, from the key `afterMember`. */
  inGroups?: boolean | undefined;
  afterMember?: MemberCountsKey | undefined;
  /** Badges of corrected counters that may not be recounted yet: the worker may have died in between. */
  toRecount?: DirtyBadge[] | undefined;
}

/** Counters in one slice. */
const ROWS = 200;
/** A slice that was too slow is repeated with this fraction of its rows, down to one row. */
const SMALLER = 1 / 4;

/**
 * Compares the next slice with its messages: first the unread counters of direct conversations, then what members of
 * groups store for the arithmetic of their unread messages, then again from the first one. A wrong value is corrected,
 * and the devices of its user are notified. The store writes these values in the transaction of each message, so a drift
 * is a bug of this product or a manual change; both are worth a warning.
 */
export async function auditSlice(options: AuditOptions): Promise<void> {
  const { audit, recounts, redis, logger } = options;
  const state = JSON.parse((await redis.get(STATE)) ?? '{}') as State;
  const save = (next: State) =>
    redis.set(STATE, JSON.stringify(next), { expiration: { type: 'EX', value: STATE_EXPIRES_S } });
  if (state.toRecount) await recounts.request(state.toRecount);
  if (state.inGroups) return auditMembers(options, state, save);
  const rows = state.rows ?? ROWS;
  const counters = boundedSlice(await audit.after(state.after, rows));
  const last = counters.at(-1);
  if (!last) {
    await save({ inGroups: true });
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

/** Members in one slice. */
const MEMBERS = 100;

/** Compares the counts of the next members of groups. */
async function auditMembers(
  { members, recounts, logger }: AuditOptions,
  state: State,
  save: (next: State) => Promise<unknown>,
): Promise<void> {
  const rows = state.rows ?? MEMBERS;
  const read = members.after(state.afterMember, rows);
  const counts = await read.catch((error: unknown) => {
    if (!isTooSlow(error) || rows === 1) throw error;
  });
  if (!counts) return void (await save({ ...state, toRecount: undefined, rows: Math.ceil(rows * SMALLER) }));
  const last = counts.at(-1);
  if (!last) {
    passes.inc();
    return void (await save({}));
  }
  audited.inc({ kind: 'group' }, counts.length);
  const drifts = counts.filter(hasDrifted);
  if (drifts.length > 0) {
    const toRecount = drifts.map(({ userId, conversationId }) => ({ userId, conversationId }));
    await save({ ...state, toRecount });
    const { healed, left } = await healMemberDrift(members, drifts);
    drifted.inc({ kind: 'group' }, healed.length);
    const changes = healed.map(({ userId, conversationId, stored: was, truth: is }) => {
      return { userId, conversationId, was, is };
    });
    logger.warn({ healed: changes, left: left.length }, 'audit: counts of members of groups had drifted');
    await recounts.request(toRecount);
  }
  await save({ inGroups: true, afterMember: { conversationId: last.conversationId, userId: last.userId } });
}

/** Corrects counters that drifted; resolves with their badges. `beforeFix` receives the badges before any change. */
async function fixDrift(
  { audit, logger }: { audit: UnreadAudit; logger: Logger },
  counters: readonly Counter[],
  beforeFix: (badges: DirtyBadge[]) => Promise<unknown>,
): Promise<DirtyBadge[]> {
  const checked = counters.filter((counter) => unreadSpan(counter) <= MAX_UNREAD || skip(logger, counter));
  const drifts = await findDrift(audit, checked);
  audited.inc({ kind: 'direct' }, checked.length);
  if (drifts.length === 0) return [];
  const badges = drifts.map(({ userId, conversationId }) => ({ userId, conversationId }));
  await beforeFix(badges);
  const { healed, left } = await healDrift(audit, drifts);
  drifted.inc({ kind: 'direct' }, healed.length);
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

const audited = new Metric({
  name: 'chat_unread_audited_total',
  help: 'Unread counters (direct) and counts of members (group) compared with their messages',
  labelNames: ['kind'],
});
const drifted = new Metric({
  name: 'chat_unread_drift_total',
  help: 'Unread counters (direct) and counts of members (group) that were wrong and were corrected',
  labelNames: ['kind'],
});
// The first increase of a series that did not exist is no increase to Prometheus.
for (const kind of ['direct', 'group']) {
  audited.inc({ kind }, 0);
  drifted.inc({ kind }, 0);
}
const skipped = new Metric({ name: 'chat_unread_audit_skipped_total', help: 'Unread counters too costly to check' });
const passes = new Metric({
  name: 'chat_unread_audit_passes_total',
  help: 'Passes of the audit over all counters and all members of groups',
});
