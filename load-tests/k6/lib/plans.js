// @ts-check

/*
 * The scenarios, without k6: who sends how much when, who loses connections when, and what has to hold. A phase is a
 * stretch of time that the results are told apart by; its name is a tag of the samples.
 */

/** @import { Phase } from './schedule.js' */
/** @import { KnobName, Settings } from './settings.js' */

/**
 * @typedef {{
 *   name: string,
 *   question: string,
 *   shape: 'pairs' | 'fan-in',
 *   defaults: Partial<Record<KnobName, string>>,
 *   phases(settings: Settings): Phase[],
 *   judged(settings: Settings): string[],
 *   storms(settings: Settings): { atMs: number, fraction: number }[],
 *   churnMs(settings: Settings): number,
 * }} Plan `shape`: pairs write to each other, or many to one. `defaults`: of this scenario, where others have different
 *   ones. `judged`: names of the phases whose latencies have thresholds. `storms`: after the first message, what fraction
 *   of the sockets is cut. `churnMs`: how long a connection lasts on average; 0: for ever.
 */

export const WARM_UP = 'warm-up';

/** @type {Plan} */
export const steady = {
  name: 'steady',
  question: 'Does the cluster stand this rate?',
  shape: 'pairs',
  defaults: {},
  phases: (settings) => warmed(settings, settings.rate, [flat('steady', settings.durationMs, settings.rate)]),
  judged: () => ['steady'],
  storms: () => [],
  churnMs: () => 0,
};

/** @type {Plan} */
export const ramp = {
  name: 'ramp',
  question: 'At which rate does it begin to be late?',
  shape: 'pairs',
  defaults: { RATE: '500', DURATION: '150s' },
  phases: (settings) => warmed(settings, settings.rate / settings.steps, rampSteps(settings)),
  judged: (settings) => rampSteps(settings).map(({ name }) => name),
  storms: () => [],
  churnMs: () => 0,
};

/** @type {Plan} */
export const spike = {
  name: 'spike',
  question: 'What does a sudden crowd do, and is everything as before when it is gone?',
  shape: 'pairs',
  defaults: { MAX_UNACKED: '0.2' },
  phases: (settings) => {
    const { rate, durationMs, spikeMs, spikeFactor } = settings;
    const calmMs = Math.max(0, durationMs - spikeMs) / 2;
    return warmed(settings, rate, [
      flat('before', calmMs, rate),
      flat('spike', spikeMs, rate * spikeFactor),
      flat('settling', Math.min(calmMs / 2, SETTLING_MS), rate),
      flat('after', calmMs - Math.min(calmMs / 2, SETTLING_MS), rate),
    ]);
  },
  judged: () => ['before', 'after'],
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
    return warmed(
      settings,
      settings.rate,
      quarters.map((name) => flat(name, settings.durationMs / 4, settings.rate)),
    );
  },
  // Who is away when a message is due sends it when it is back, which is what the later percentiles then show.
  judged: (settings) =>
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
  question: 'How long until everybody is back and in sync, and is anything lost?',
  shape: 'pairs',
  defaults: { PAIRS: '250', RATE: '25' },
  phases: (settings) => {
    const { rate, durationMs, stormAtMs, stormMs } = settings;
    return warmed(settings, rate, [
      flat('before', stormAtMs, rate),
      flat('storm', stormMs, rate),
      flat('after', Math.max(0, durationMs - stormAtMs - stormMs), rate),
    ]);
  },
  judged: () => ['before', 'after'],
  // The phase begins a moment before the cut: what is under way then is hit by it.
  storms: ({ stormAtMs, stormMs, stormFraction, warmupMs }) => [
    { atMs: warmupMs + stormAtMs + Math.min(BRINK_MS, stormMs / 4), fraction: stormFraction },
  ],
  churnMs: () => 0,
};

/** @type {Plan} */
export const bigFanIn = {
  name: 'big-fan-in',
  question: 'What does one user bear whom many write to at once?',
  shape: 'fan-in',
  defaults: {},
  phases: (settings) => warmed(settings, settings.rate, [flat('fan-in', settings.durationMs, settings.rate)]),
  judged: () => ['fan-in'],
  storms: () => [],
  churnMs: () => 0,
};

/** All of them; each has a file of its own for k6, named as it is. */
export const PLANS = [steady, ramp, spike, soak, reconnectStorm, bigFanIn];

/** After a spike: the time in which the cluster is to be as before. */
const SETTLING_MS = 5000;
/** Longer than an ack takes while all is well. */
const BRINK_MS = 500;

function rampSteps(/** @type {Settings} */ { steps, rate, durationMs }) {
  return Array.from({ length: steps }, (_, i) => {
    const now = (rate * (i + 1)) / steps;
    return flat(`${Math.round(now * 10) / 10}-per-second`, durationMs / steps, now);
  });
}

/**
 * @param {string} name
 * @param {number} ms
 * @param {number} rate
 * @returns {Phase}
 */
function flat(name, ms, rate) {
  return { name, seconds: ms / 1000, from: rate, to: rate };
}

/**
 * A warm-up, if there is to be one, and then the others; those without any time are left out.
 *
 * @param {Settings} settings
 * @param {number} rate
 * @param {Phase[]} phases
 */
function warmed({ warmupMs }, rate, phases) {
  return [flat(WARM_UP, warmupMs, rate), ...phases].filter(({ seconds }) => seconds > 0);
}
