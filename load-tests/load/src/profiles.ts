import type { Rate } from './arrivals.ts';

/** The shapes of a load. */
export const PROFILES = {
  steady: 'a constant rate',
  ramp: 'a linear increase from 0 to --rate',
  spike: '--spike times the rate in the middle fifth',
  soak: 'steady, for an hour unless --duration is given',
  'reconnect-storm': 'steady; after a third of the time --drop of all connections are reset at once',
  'fan-in': 'steady; all users write to a few users (one per generator process)',
} as const;

export type Profile = keyof typeof PROFILES;

/** Lowest rate of a ramp, in messages per second and process: at rate 0 no first message would ever be due. */
const LOWEST_RAMP_RATE = 1 / 3;

/** The rate of `profile` over a run of `duration` seconds. Negative times (warm-up) have the rate of time 0. */
export function rateOf(profile: Profile, options: { rate: number; duration: number; spike: number }): Rate {
  const { rate, duration, spike } = options;
  if (profile === 'ramp') return (at) => Math.max(LOWEST_RAMP_RATE, rate * Math.min(1, Math.max(0, at) / duration));
  if (profile === 'spike') return (at) => (at >= duration * 0.4 && at < duration * 0.6 ? rate * spike : rate);
  return () => rate;
}

/** When connections are reset, in seconds from the start; undefined when the profile resets none. */
export function stormAt(profile: Profile, duration: number): number | undefined {
  return profile === 'reconnect-storm' ? duration / 3 : undefined;
}
