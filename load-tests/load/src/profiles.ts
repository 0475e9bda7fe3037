import type { Rate } from './arrivals.ts';

/** The shapes of a load. */
export const PROFILES = {
  steady: 'the same rate all the time',
  ramp: 'from nothing to --rate, in a straight line',
  spike: '--spike times the rate in the middle fifth',
  soak: 'steady for an hour, unless --duration says otherwise',
  'reconnect-storm': 'steady; after a third of the time --drop of all connections are lost at once',
  'fan-in': 'steady; everybody writes to a few users (one for each generator process)',
} as const;

export type Profile = keyof typeof PROFILES;

/** A third of a message a second and process, at least: a ramp begins with something. */
const LEAST = 1 / 3;

/** The rate of `profile` at each time of a run that takes `duration` seconds. Before its start (warm-up) as at 0. */
export function rateOf(profile: Profile, options: { rate: number; duration: number; spike: number }): Rate {
  const { rate, duration, spike } = options;
  if (profile === 'ramp') return (at) => Math.max(LEAST, rate * Math.min(1, Math.max(0, at) / duration));
  if (profile === 'spike') return (at) => (at >= duration * 0.4 && at < duration * 0.6 ? rate * spike : rate);
  return () => rate;
}

/** When connections are dropped, in seconds; undefined: never. */
export function dropAt(profile: Profile, duration: number): number | undefined {
  return profile === 'reconnect-storm' ? duration / 3 : undefined;
}
