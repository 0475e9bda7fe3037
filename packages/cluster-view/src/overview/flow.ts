import type { MessageFlow } from '@chat-cluster/contracts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import { mergedBuckets, quantileOf } from './histogram.ts';
import { byLabel, rateOf } from './processes.ts';

/** Sums and quantiles over all live processes. */
export function flowOf(live: readonly Snapshot[]): MessageFlow {
  const acks = mergedBuckets(live, 'chat_event_duration_seconds');
  const deliveries = mergedBuckets(live, 'chat_delivery_seconds');
  const ms = (name: string, seconds: number | undefined) => (seconds === undefined ? {} : { [name]: seconds * 1_000 });
  return {
    acceptedPerSecond: rateOfAll(live, 'chat_lane_batch_entries_sum'),
    storedPerSecond: rateOfAll(live, 'chat_store_results_total:stored'),
    deliveredPerSecond: rateOfAll(live, 'chat_fanout_useful_total'),
    ...ms('ackP50Ms', quantileOf(acks, 0.5)),
    ...ms('ackP99Ms', quantileOf(acks, 0.99)),
    ...ms('deliveryP50Ms', quantileOf(deliveries, 0.5)),
    ...ms('deliveryP99Ms', quantileOf(deliveries, 0.99)),
    shedPerSecond: shedOf(live),
    unreadDrift: live.reduce((sum, { totals }) => sum + (totals.chat_unread_drift_total ?? 0), 0),
    deadLetters: Math.max(0, ...live.map(({ gauges }) => gauges.chat_dead_letters ?? 0)),
  };
}

export function rateOfAll(live: readonly Snapshot[], key: string): number {
  return live.reduce((sum, snapshot) => sum + rateOf(snapshot, key), 0);
}

/** Events and handshakes that were refused, by error code. */
function shedOf(live: readonly Snapshot[]): Record<string, number> {
  const shed: Record<string, number> = {};
  for (const snapshot of live) {
    for (const metric of ['chat_events_total', 'chat_handshakes_total']) {
      for (const [code, count] of byLabel(snapshot.differences, metric)) {
        if (code !== 'ok') shed[code] = (shed[code] ?? 0) + (count * 1_000) / snapshot.overMs;
      }
    }
  }
  return shed;
}
