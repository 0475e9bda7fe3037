import type { ConversationId } from '@chat-cluster/contracts';
import { laneNumberOf } from '@chat-cluster/queue';
import { checkHistory, type Outcome, quantile, type SendAttempt } from '@chat-cluster/testkit';
import type { RoundOutcome } from './fault.ts';

/*
 * What faults expect beyond the general guarantees. Each function returns one sentence per breach.
 */

/** Selects the sends that an expectation applies to. */
type Selection = (send: SendAttempt) => boolean;

/** Every send that began during the fault has a response within `limitMs`: an ack or an error code. */
export function answeredWithin(
  { history, from, to, deadlineFactor }: RoundOutcome,
  limitMs: number,
  selects: Selection = () => true,
): string[] {
  const ms = limitMs * deadlineFactor;
  const late = history.sends.filter(
    (send) => beganBetween(send, from, to) && selects(send) && (send.outcome.kind === 'unknown' || tookMs(send) > ms),
  );
  if (late.length === 0) return [];
  const unanswered = late.filter(({ outcome }) => outcome.kind === 'unknown').length;
  const slowest = Math.max(...late.map((send) => (send.outcome.kind === 'unknown' ? 0 : tookMs(send))));
  return [
    `${late.length} sends had no response within ${ms} ms: ${unanswered} had none at all, the slowest other took ${Math.round(slowest)} ms`,
  ];
}

/** Sends that the fault does not concern are acknowledged at the first attempt. */
export function acknowledgedAtOnce({ history, from, to }: RoundOutcome, selects: Selection = () => true): string[] {
  const results = history.sends.filter((send) => beganBetween(send, from, to) && selects(send)).map(resultOf);
  const others = results.filter((result) => result !== 'acked');
  return others.length === 0
    ? []
    : [`${others.length} of ${results.length} sends were not acknowledged: ${[...new Set(others)].join(', ')}`];
}

/** Acks after a fault may take this factor of the time before it, plus SLOWER_BY_MS for other load on the machine. */
const SLOWER_BY = 2;
const SLOWER_BY_MS = 200;

/** The fault leaves no lasting damage: sends after it are acknowledged at the first attempt, as fast as before it. */
export function worksAsBefore(outcome: RoundOutcome): string[] {
  const { history, from, to, deadlineFactor } = outcome;
  const p95 = (since: number, until: number) =>
    quantile(history.sends.filter(({ at }) => at >= since && at < until).map(tookMs), 0.95);
  const [before, after] = [p95(0, from), p95(to, Number.POSITIVE_INFINITY)];
  return [
    ...acknowledgedAtOnce({ ...outcome, from: to, to: Number.POSITIVE_INFINITY }),
    ...(after <= (before * SLOWER_BY + SLOWER_BY_MS) * deadlineFactor
      ? []
      : [`acks took ${Math.round(after)} ms after the fault, ${Math.round(before)} ms before it (p95)`]),
  ];
}

/** Every device that missed something was notified: none learns of it only by its final sync. */
export function noStaleDevices({ history }: RoundOutcome): string[] {
  const { staleDevices } = checkHistory(history).seen;
  return staleDevices === 0 ? [] : [`${staleDevices} devices were not notified that they had missed something`];
}

/** No gateway ended. */
export function gatewaysKeepRunning({ gatewayPids: { before, after } }: RoundOutcome): string[] {
  return before.join() === after.join() ? [] : [`gateways were replaced: pids ${before} are now ${after}`];
}

/** No client loses its connection. */
export function socketsStayConnected({ history, from, to }: RoundOutcome): string[] {
  const closed = history.devices.flatMap(({ events }) =>
    events.filter((event) => event.kind === 'disconnected' && event.at >= from && event.at <= to + 1_000),
  );
  return closed.length === 0 ? [] : [`${closed.length} sockets were closed`];
}

/** The fault is limited to another part: gateways keep running and no client loses its connection. */
export function clientsUnaffected(outcome: RoundOutcome): string[] {
  return [...gatewaysKeepRunning(outcome), ...socketsStayConnected(outcome)];
}

/** The fault has no visible effect: as `clientsUnaffected`, and all sends are acknowledged at once within 3 s. */
export function noVisibleEffect(outcome: RoundOutcome): string[] {
  return [...clientsUnaffected(outcome), ...answeredWithin(outcome, 3_000), ...acknowledgedAtOnce(outcome)];
}

/** Each lane acknowledges, within `limitMs` of the fault's start, a send that began after it. */
export function lanesAckWithin(
  { history, from, deadlineFactor }: RoundOutcome,
  lanes: number,
  limitMs: number,
): string[] {
  const ms = limitMs * deadlineFactor;
  const firstAcks = new Map<number, number>();
  for (const { at, conversationId, outcome } of history.sends) {
    if (at < from || outcome.kind !== 'acked') continue;
    const lane = laneNumberOf(conversationId as ConversationId, lanes);
    firstAcks.set(lane, Math.min(outcome.at, firstAcks.get(lane) ?? Number.POSITIVE_INFINITY));
  }
  return [...firstAcks].flatMap(([lane, at]) =>
    at - from <= ms ? [] : [`lane ${lane} acknowledged nothing for ${Math.round(at - from)} ms`],
  );
}

function beganBetween({ at }: SendAttempt, from: number, to: number): boolean {
  return at >= from && at <= to;
}

function tookMs({ at, outcome }: SendAttempt): number {
  return outcome.at - at;
}

/** `acked`, `unknown`, or the error code of a refusal. */
export function resultOf({ outcome }: { outcome: Outcome<object> }): string {
  return outcome.kind === 'refused' ? outcome.code : outcome.kind;
}
