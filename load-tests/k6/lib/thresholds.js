// @ts-check

import { connectMs } from './population.js';

/** @import { Plan } from './plans.js' */
/** @import { Settings } from './settings.js' */

/** Percentiles of all trends, in the summary and in thresholds. `count`: how many samples it has. */
export const TREND_STATS = ['min', 'med', 'p(95)', 'p(99)', 'max', 'count'];

/** Always true: k6 has a series by tag in its summary only where a threshold names it. */
const SHOWN = { trend: 'max>=0', counter: 'count>=0' };

/**
 * The thresholds of a scenario, by metric: what has to hold, and beside it the series that the summary shows.
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
    'ws_sessions{status:503}': [SHOWN.counter],
    'chat_refused{code:OVERLOADED}': [SHOWN.counter],
    'chat_refused{code:RATE_LIMITED}': [SHOWN.counter],
  };
  for (const { name } of plan.phases(settings)) {
    const judged = plan.judged(settings).includes(name);
    all[`chat_sent{phase:${name}}`] = [SHOWN.counter];
    all[`chat_acked{phase:${name}}`] = [SHOWN.counter];
    all[`chat_ack_ms{phase:${name}}`] = judged ? [`p(95)<=${ackP95Ms}`, `p(99)<=${ackP99Ms}`] : [SHOWN.trend];
    const delivery = judged ? [`p(95)<=${deliveryP95Ms}`, `p(99)<=${deliveryP99Ms}`] : [SHOWN.trend];
    all[`chat_delivery_ms{phase:${name}}`] = delivery;
  }
  return all;
}

/** Whether a threshold is one that can fail. */
export function isReal(/** @type {string} */ source) {
  return source !== SHOWN.trend && source !== SHOWN.counter;
}

/**
 * How long the run can take at most, in seconds: who is not through by then hangs.
 *
 * @param {Plan} plan
 * @param {Settings} settings
 */
export function longestSeconds(plan, settings) {
  const traffic = plan.phases(settings).reduce((sum, { seconds }) => sum + seconds, 0);
  return Math.ceil(connectMs(plan, settings) / 1000 + traffic + settings.drainMs / 1000 + 60);
}
