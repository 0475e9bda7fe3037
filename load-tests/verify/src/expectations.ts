import { laneOf } from '@chat-cluster/queue';
import type { RoundOutcome } from './fault.ts';

/** Every send begun during the trouble has an answer, good or coded, within `ms`. */
export function answeredWithin({ history, from, to, patience }: RoundOutcome, wantedMs: number): string[] {
  const ms = wantedMs * patience;
  const late = history.sends.filter(
    ({ at, outcome }) => at >= from && at <= to && (outcome.kind === 'unknown' || outcome.at - at > ms),
  );
  if (late.length === 0) return [];
  const none = late.filter(({ outcome }) => outcome.kind === 'unknown').length;
  const slowest = Math.max(...late.map(({ at, outcome }) => (outcome.kind === 'unknown' ? 0 : outcome.at - at)));
  return [
    `${late.length} sends had no answer within ${ms} ms: ${none} had none at all, the slowest other took ${Math.round(slowest)} ms`,
  ];
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
    const lane = laneOf(conversationId as Parameters<typeof laneOf>[0], lanes);
    first.set(lane, Math.min(outcome.at, first.get(lane) ?? Number.POSITIVE_INFINITY));
  }
  return [...first].flatMap(([lane, at]) =>
    at - from <= ms ? [] : [`lane ${lane} stood still for ${Math.round(at - from)} ms`],
  );
}
