/*
 * The scenarios, independent of k6: rates, lost connections and thresholds over time. A phase is a period with its own
 * results; its name is a tag of the samples.
 */
import type { Phase } from '../generated/client-library.js';
import type { SettingName, Settings } from './settings.ts';

export interface Plan {
  name: string;
  question: string;
  /** Pairs write to each other, many users to one, or the members of a group to all others. */
  shape: 'pairs' | 'fan-in' | 'groups';
  /** Those that differ from the fallbacks. */
  defaults: Partial<Record<SettingName, string>>;
  phases(settings: Settings): Phase[];
  /** Names of phases whose latencies have no thresholds. */
  withoutThresholds: string[];
  /** The fraction of the sockets that is cut, `atMs` after the first message. */
  storms(settings: Settings): { atMs: number; fraction: number }[];
  /** Mean life of a connection; 0: unlimited. */
  churnMs(settings: Settings): number;
}

export const WARM_UP = 'warm-up';

export const steady = plan({
  name: 'steady',
  question: 'Does the cluster handle this rate?',
  phases: ({ DURATION, RATE }) => [constant('steady', DURATION, RATE)],
});

export const ramp = plan({
  name: 'ramp',
  question: 'At which rate do latencies begin to grow?',
  defaults: { RATE: '500', DURATION: '150s' },
  phases: ({ STEPS, RATE, DURATION }) =>
    Array.from({ length: STEPS }, (_, i) => {
      const stepRate = (RATE * (i + 1)) / STEPS;
      return constant(`${Math.round(stepRate * 10) / 10}-per-second`, DURATION / STEPS, stepRate);
    }),
});

export const spike = plan({
  name: 'spike',
  question: 'How does the cluster react to a sudden crowd, and does it recover?',
  defaults: { MAX_UNACKED: '0.2' },
  phases: ({ RATE, DURATION, SPIKE_DURATION, SPIKE_FACTOR }) => {
    const calmMs = Math.max(0, DURATION - SPIKE_DURATION) / 2;
    const settlingMs = Math.min(calmMs / 2, SETTLING_MS);
    return [
      constant('before', calmMs, RATE),
      constant('spike', SPIKE_DURATION, RATE * SPIKE_FACTOR),
      constant('settling', settlingMs, RATE),
      constant('after', calmMs - settlingMs, RATE),
    ];
  },
  withoutThresholds: [WARM_UP, 'spike', 'settling'],
});

/** A device without a connection sends its due messages after the reconnect, which shows in the high percentiles. */
export const soak = plan({
  name: 'soak',
  question: 'Does anything grow, drift or get lost over hours?',
  defaults: { DURATION: '1h', RATE: '25' },
  phases: ({ DURATION, RATE }) => [1, 2, 3, 4].map((i) => constant(`quarter-${i}`, DURATION / 4, RATE)),
  churnMs: ({ CHURN }) => CHURN,
});

export const reconnectStorm = plan({
  name: 'reconnect-storm',
  question: 'How long until all devices are back and in sync, and is anything lost?',
  defaults: { PAIRS: '250', RATE: '25' },
  phases: ({ RATE, DURATION, STORM_AT, STORM_DURATION }) => [
    constant('before', STORM_AT, RATE),
    constant('storm', STORM_DURATION, RATE),
    constant('after', Math.max(0, DURATION - STORM_AT - STORM_DURATION), RATE),
  ],
  withoutThresholds: [WARM_UP, 'storm'],
  // The phase begins before the cut, so that it contains the messages that are under way at the cut.
  storms: ({ STORM_AT, STORM_DURATION, STORM_FRACTION, WARMUP }) => [
    { atMs: WARMUP + STORM_AT + Math.min(STORM_LEAD_MS, STORM_DURATION / 4), fraction: STORM_FRACTION },
  ],
});

export const bigFanIn = plan({
  name: 'big-fan-in',
  question: 'How much can one user receive when many write at once?',
  shape: 'fan-in',
  phases: ({ DURATION, RATE }) => [constant('fan-in', DURATION, RATE)],
});

export const groups = plan({
  name: 'groups',
  question: 'Does every member of a group receive each message, and how fast?',
  shape: 'groups',
  defaults: { RATE: '20', READ_RATIO: '0.01' },
  phases: ({ DURATION, RATE }) => [constant('groups', DURATION, RATE)],
});

/** All scenarios. Each has a k6 script with its name. */
export const PLANS = [steady, ramp, spike, soak, reconnectStorm, bigFanIn, groups];

/** Time after a spike until latencies have thresholds again, in ms. */
const SETTLING_MS = 5000;
/** Time from the start of the storm phase to the cut, in ms. Longer than a normal ack takes. */
const STORM_LEAD_MS = 500;

/**
 * A plan with the usual values: pairs, thresholds after the warm-up, no lost connections. Its phases are a warm-up at
 * the first rate, and those of `own`, without those of zero length.
 */
function plan(own: Pick<Plan, 'name' | 'question' | 'phases'> & Partial<Plan>): Plan {
  return {
    shape: 'pairs',
    defaults: {},
    withoutThresholds: [WARM_UP],
    storms: () => [],
    churnMs: () => 0,
    ...own,
    phases(settings) {
      const phases = own.phases(settings);
      const warmUp = constant(WARM_UP, settings.WARMUP, phases[0]?.from || 0);
      return [warmUp, ...phases].filter(({ seconds }) => seconds > 0);
    },
  };
}

function constant(name: string, ms: number, rate: number): Phase {
  return { name, seconds: ms / 1000, from: rate, to: rate };
}
