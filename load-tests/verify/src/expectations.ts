import { laneNumberOf } from '@chat-cluster/queue';
import { checkHistory, type SendAttempt } from '@chat-cluster/testkit';
import type { RoundOutcome } from './fault.ts';
import { quantile } from './quantile.ts';

/** Which of the sends an expectation is about. */
type Which = (send: SendAttempt) => boolean;

/** Every send begun during the trouble has an answer, good or coded, within `ms`. */
export function answeredWithin(
  { history, from, to, patience }: RoundOutcome,
  wantedMs: number,
  which: Which = () => true,
): string[] {
  const ms = wantedMs * patience;
  const late = history.sends.filter(
    (send) => begunBetween(send, from, to) && which(send) && (send.outcome.kind === 'unknown' || tookMs(send) > ms),
  );
  if (late.length === 0) return [];
  const none = late.filter(({ outcome }) => outcome.kind === 'unknown').length;
  const slowest = Math.max(...late.map((send) => (send.outcome.kind === 'unknown' ? 0 : tookMs(send))));
  return [
    `${late.length} sends had no answer within ${ms} ms: ${none} had none at all, the slowest other took ${Math.round(slowest)} ms`,
  ];
}

/** Those who have nothing to do with the trouble do not notice it: what they send meanwhile is taken at the first try. */
export function acknowledgedAtOnce({ history, from, to }: RoundOutcome, which: Which = () => true): string[] {
  const outcomes = history.sends.filter((send) => begunBetween(send, from, to) && which(send)).map(heard);
  const refused = outcomes.filter((one) => one !== 'acked');
  return refused.length === 0
    ? []
    : [`${refused.length} of ${outcomes.length} sends were not acknowledged: ${[...new Set(refused)].join(', ')}`];
}

/** Acks after the trouble are as fast as before: by this factor, and so much for a machine that has other things to do. */
const SLOWER_BY = 2;
const SLOWER_BY_MS = 200;

/** The trouble left no state that lasts: what is sent after it is taken at the first try, as fast as before it. */
export function worksAsBefore(outcome: RoundOutcome): string[] {
  const { history, from, to, patience } = outcome;
  const p95 = (since: number, until: number) =>
    quantile(history.sends.filter(({ at }) => at >= since && at < until).map(tookMs), 0.95);
  const [before, after] = [p95(0, from), p95(to, Number.POSITIVE_INFINITY)];
  return [
    ...acknowledgedAtOnce({ ...outcome, from: to, to: Number.POSITIVE_INFINITY }),
    ...(after <= (before * SLOWER_BY + SLOWER_BY_MS) * patience
      ? []
      : [`acks took ${Math.round(after)} ms after the trouble, ${Math.round(before)} ms before it (p95)`]),
  ];
}

/** Who missed something has been told so: nobody learns of it only by the sync after everything. */
export function nobodyIsStale({ history }: RoundOutcome): string[] {
  const { staleDevices } = checkHistory(history).seen;
  return staleDevices === 0 ? [] : [`${staleDevices} devices were not told that they had missed something`];
}

/** The trouble was elsewhere: gateways live on. */
export function gatewaysLiveOn({ gatewayPids: { before, after } }: RoundOutcome): string[] {
  return before.join() === after.join() ? [] : [`gateways were replaced: pids ${before} are now ${after}`];
}

/** The trouble was elsewhere: no client loses its connection. */
export function socketsStayConnected({ history, from, to }: RoundOutcome): string[] {
  const cut = history.devices.flatMap(({ events }) =>
    events.filter((event) => event.kind === 'disconnected' && event.at >= from && event.at <= to + 1_000),
  );
  return cut.length === 0 ? [] : [`${cut.length} sockets were closed`];
}

/** Each lane acknowledges a send that began after `since`, within `ms` of it. */
export function lanesAnswerWithin(
  { history, from, patience }: RoundOutcome,
  lanes: number,
  wantedMs: number,
): string[] {
  const ms = wantedMs * patience;
  const first = new Map<number, number>();
  for (const { at, conversationId, outcome } of history.sends) {
    if (at < from || outcome.kind !== 'acked') continue;
    const lane = laneNumberOf(conversationId as Parameters<typeof laneNumberOf>[0], lanes);
    first.set(lane, Math.min(outcome.at, first.get(lane) ?? Number.POSITIVE_INFINITY));
  }
  return [...first].flatMap(([lane, at]) =>
    at - from <= ms ? [] : [`lane ${lane} stood still for ${Math.round(at - from)} ms`],
  );
}

function begunBetween({ at }: SendAttempt, from: number, to: number): boolean {
  return at >= from && at <= to;
}

function tookMs({ at, outcome }: SendAttempt): number {
  return outcome.at - at;
}

function heard({ outcome }: SendAttempt): string {
  return outcome.kind === 'refused' ? outcome.code : outcome.kind;
}
