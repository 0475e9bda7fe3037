import type { Plan } from './plans.ts';
import { connectMs } from './population.ts';
import type { Settings } from './settings.ts';

/** Statistics of all trends, in the summary and in thresholds. `count`: number of samples. */
export const TREND_STATS = ['min', 'med', 'p(95)', 'p(99)', 'max', 'count'];

/** Thresholds that always hold. k6's summary contains a series of a tag only when a threshold names it. */
const ALWAYS_MET = { trend: 'max>=0', counter: 'count>=0' };

/** The thresholds of a scenario, by metric. Those of ALWAYS_MET add series to the summary. */
export function thresholds(plan: Plan, settings: Settings): Record<string, string[]> {
  const { MAX_LOSS, MAX_UNACKED, ACK_P95, ACK_P99, DELIVERY_P95, DELIVERY_P99, RECOVERY_P95 } = settings;
  const all: Record<string, string[]> = {
    chat_loss_ratio: [`rate<=${MAX_LOSS}`],
    chat_unacked_ratio: [`rate<=${MAX_UNACKED}`],
    chat_connect_failed_ratio: ['rate<=0'],
    chat_duplicated: ['count<=0'],
    chat_out_of_order: ['count<=0'],
    chat_recovery_ms: [`p(95)<=${RECOVERY_P95}`],
    'ws_sessions{status:503}': [ALWAYS_MET.counter],
    'chat_refused{code:OVERLOADED}': [ALWAYS_MET.counter],
    'chat_refused{code:RATE_LIMITED}': [ALWAYS_MET.counter],
  };
  for (const { name } of plan.phases(settings)) {
    const hasLimits = !plan.withoutThresholds.includes(name);
    all[`chat_sent{phase:${name}}`] = [ALWAYS_MET.counter];
    all[`chat_acked{phase:${name}}`] = [ALWAYS_MET.counter];
    all[`chat_ack_ms{phase:${name}}`] = hasLimits ? [`p(95)<=${ACK_P95}`, `p(99)<=${ACK_P99}`] : [ALWAYS_MET.trend];
    const delivery = hasLimits ? [`p(95)<=${DELIVERY_P95}`, `p(99)<=${DELIVERY_P99}`] : [ALWAYS_MET.trend];
    all[`chat_delivery_ms{phase:${name}}`] = delivery;
  }
  return all;
}

/** True for a threshold that can fail. */
export function isReal(source: string): boolean {
  return source !== ALWAYS_MET.trend && source !== ALWAYS_MET.counter;
}

/** Longest duration of the run, in seconds. k6 then stops a VU that hangs. */
export function longestSeconds(plan: Plan, settings: Settings): number {
  const traffic = plan.phases(settings).reduce((sum, { seconds }) => sum + seconds, 0);
  return Math.ceil(connectMs(plan, settings) / 1000 + traffic + settings.DRAIN / 1000 + 60);
}
