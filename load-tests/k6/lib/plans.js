// @ts-check

/*
 * The scenarios, independent of k6: rates, lost connections and thresholds over time. A phase is a period with its own
 * results; its name is a tag of the samples.
 */

/** @import { Phase } from './schedule.js' */
/** @import { SettingName, Settings } from './settings.js' */

/**
 * @typedef {{
 *   name: string,
 *   question: string,
 *   shape: 'pairs' | 'fan-in',
 *   defaults: Partial<Record<SettingName, string>>,
 *   phases(settings: Settings): Phase[],
 *   phasesWithThresholds(settings: Settings): string[],
 *   storms(settings: Settings): { atMs: number, fraction: number }[],
 *   churnMs(settings: Settings): number,
 * }} Plan `shape`: pairs write to each other, or many users to one. `defaults`: those that differ from the
 *   fallbacks. `phasesWithThresholds`: names of the phases whose latencies have thresholds. `storms`: the fraction of
 *   the sockets that is cut, `atMs` after the first message. `churnMs`: mean life of a connection; 0: unlimited.
 */

export const WARM_UP = 'warm-up';

/** @type {Plan} */
export const steady = {
  name: 'steady',
  question: 'Does the cluster handle this rate?',
  shape: 'pairs',
  defaults: {},
  phases: (settings) => withWarmUp(settings, settings.rate, [constant('steady', settings.durationMs, settings.rate)]),
  phasesWithThresholds: () => ['steady'],
  storms: () => [],
  churnMs: () => 0,
};

/** @type {Plan} */
export const ramp = {
  name: 'ramp',
  question: 'At which rate do latencies begin to grow?',
  shape: 'pairs',
  defaults: { RATE: '500', DURATION: '150s' },
  phases: (settings) => withWarmUp(settings, settings.rate / settings.steps, rampSteps(settings)),
  phasesWithThresholds: (settings) => rampSteps(settings).map(({ name }) => name),
  storms: () => [],
  churnMs: () => 0,
};

/** @type {Plan} */
export const spike = {
  name: 'spike',
  question: 'How does the cluster react to a sudden crowd, and does it recover?',
  shape: 'pairs',
  defaults: { MAX_UNACKED: '0.2' },
  phases: (settings) => {
    const { rate, durationMs, spikeMs, spikeFactor } = settings;
    const calmMs = Math.max(0, durationMs - spikeMs) / 2;
    return withWarmUp(settings, rate, [
      constant('before', calmMs, rate),
      constant('spike', spikeMs, rate * spikeFactor),
      constant('settling', Math.min(calmMs / 2, SETTLING_MS), rate),
      constant('after', calmMs - Math.min(calmMs / 2, SETTLING_MS), rate),
    ]);
  },
  phasesWithThresholds: () => ['before', 'after'],
  storms: () => [],
  churnMs: () => 0,
};

/** @type {Plan} */
export const soak = {
  name: 'soak',
  question: 'Does anything grow, drift or get lost over hours?',
  shape: 'pairs',
  defaults: { DURATION: '1h', RATE: '25' },
  phases: (settings) => {
    const quarters = ['quarter-1', 'quarter-2', 'quarter-3', 'quarter-4'];
    return withWarmUp(
      settings,
      settings.rate,
      quarters.map((name) => constant(name, settings.durationMs / 4, settings.rate)),
    );
  },
  // A device without a connection sends its due messages after the reconnect, which shows in the high percentiles.
  phasesWithThresholds: (settings) =>
    soak
      .phases(settings)
      .map(({ name }) => name)
      .filter((name) => name !== WARM_UP),
  storms: () => [],
  churnMs: ({ churnMs }) => churnMs,
};

/** @type {Plan} */
export const reconnectStorm = {
  name: 'reconnect-storm',
  question: 'How long until all devices are back and in sync, and is anything lost?',
  shape: 'pairs',
  defaults: { PAIRS: '250', RATE: '25' },
  phases: (settings) => {
    const { rate, durationMs, stormAtMs, stormMs } = settings;
    return withWarmUp(settings, rate, [
      constant('before', stormAtMs, rate),
      constant('storm', stormMs, rate),
      constant('after', Math.max(0, durationMs - stormAtMs - stormMs), rate),
    ]);
  },
  phasesWithThresholds: () => ['before', 'after'],
  // The phase begins before the cut, so that it contains the messages that are under way at the cut.
  storms: ({ stormAtMs, stormMs, stormFraction, warmupMs }) => [
    { atMs: warmupMs + stormAtMs + Math.min(STORM_LEAD_MS, stormMs / 4), fraction: stormFraction },
  ],
  churnMs: () => 0,
};

/** @type {Plan} */
export const bigFanIn = {
  name: 'big-fan-in',
  question: 'How much can one user receive when many write at once?',
  shape: 'fan-in',
  defaults: {},
  phases: (settings) => withWarmUp(settings, settings.rate, [constant('fan-in', settings.durationMs, settings.rate)]),
  phasesWithThresholds: () => ['fan-in'],
  storms: () => [],
  churnMs: () => 0,
};

/** All scenarios. Each has a k6 script with its name. */
export const PLANS = [steady, ramp, spike, soak, reconnectStorm, bigFanIn];

/** Time after a spike until latencies have thresholds again, in ms. */
const SETTLING_MS = 5000;
/** Time from the start of the storm phase to the cut, in ms. Longer than a normal ack takes. */
const STORM_LEAD_MS = 500;

function rampSteps(/** @type {Settings} */ { steps, rate, durationMs }) {
  return Array.from({ length: steps }, (_, i) => {
    const stepRate = (rate * (i + 1)) / steps;
    return constant(`${Math.round(stepRate * 10) / 10}-per-second`, durationMs / steps, stepRate);
  });
}

/**
 * @param {string} name
 * @param {number} ms
 * @param {number} rate
 * @returns {Phase}
 */
function constant(name, ms, rate) {
  return { name, seconds: ms / 1000, from: rate, to: rate };
}

/**
 * The warm-up and the other phases, without those of zero length.
 *
 * @param {Settings} settings
 * @param {number} rate
 * @param {Phase[]} phases
 */
function withWarmUp({ warmupMs }, rate, phases) {
  return [constant(WARM_UP, warmupMs, rate), ...phases].filter(({ seconds }) => seconds > 0);
}
