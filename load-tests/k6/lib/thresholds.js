// @ts-check

import { connectMs } from './population.js';

/** @import { Plan } from './plans.js' */
/** @import { Settings } from './settings.js' */

/** Statistics of all trends, in the summary and in thresholds. `count`: number of samples. */
export const TREND_STATS = ['min', 'med', 'p(95)', 'p(99)', 'max', 'count'];

/** Thresholds that always hold. k6's summary contains a series of a tag only when a threshold names it. */
const ALWAYS_MET = { trend: 'max>=0', counter: 'count>=0' };

/**
 * The thresholds of a scenario, by metric. Those of ALWAYS_MET add series to the summary.
 *
 * @param {Plan} plan
 * @param {Settings} settings
 * @returns {Record<string, string[]>}
 */
export function thresholds(plan, settings) {
  const { maxLoss, maxUnacked, ackP95Ms, ackP99Ms, deliveryP95Ms, deliveryP99Ms, recoveryP95Ms } = settings;
  /** @type {Record<string, string[]>} */
  const all = {
    chat_loss_ratio: [`rate<=${maxLoss}`],
    chat_unacked_ratio: [`rate<=${maxUnacked}`],
    chat_connect_failed_ratio: ['rate<=0'],
    chat_duplicated: ['count<=0'],
    chat_out_of_order: ['count<=0'],
    chat_recovery_ms: [`p(95)<=${recoveryP95Ms}`],
    'ws_sessions{status:503}': [ALWAYS_MET.counter],
    'chat_refused{code:OVERLOADED}': [ALWAYS_MET.counter],
    'chat_refused{code:RATE_LIMITED}': [ALWAYS_MET.counter],
  };
  for (const { name } of plan.phases(settings)) {
    const hasLimits = plan.phasesWithThresholds(settings).includes(name);
    all[`chat_sent{phase:${name}}`] = [ALWAYS_MET.counter];
    all[`chat_acked{phase:${name}}`] = [ALWAYS_MET.counter];
    all[`chat_ack_ms{phase:${name}}`] = hasLimits ? [`p(95)<=${ackP95Ms}`, `p(99)<=${ackP99Ms}`] : [ALWAYS_MET.trend];
    const delivery = hasLimits ? [`p(95)<=${deliveryP95Ms}`, `p(99)<=${deliveryP99Ms}`] : [ALWAYS_MET.trend];
    all[`chat_delivery_ms{phase:${name}}`] = delivery;
  }
  return all;
}

/** True for a threshold that can fail. */
export function isReal(/** @type {string} */ source) {
  return source !== ALWAYS_MET.trend && source !== ALWAYS_MET.counter;
}

/**
 * Longest duration of the run, in seconds. k6 then stops a VU that hangs.
 *
 * @param {Plan} plan
 * @param {Settings} settings
 */
export function longestSeconds(plan, settings) {
  const traffic = plan.phases(settings).reduce((sum, { seconds }) => sum + seconds, 0);
  return Math.ceil(connectMs(plan, settings) / 1000 + traffic + settings.drainMs / 1000 + 60);
}
