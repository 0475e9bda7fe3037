import type { Phase } from '@chat-cluster/testkit/lean-client';

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

/** The rates of `profile` over `duration` seconds, after a warm-up at the first rate. Times are in seconds. */
export function phasesOf(
  profile: Profile,
  { rate, duration, warmUp, spike }: Record<'rate' | 'duration' | 'warmUp' | 'spike', number>,
): Phase[] {
  const phase = (name: string, seconds: number, from: number, to = from) => ({ name, seconds, from, to });
  if (profile === 'ramp') return [phase('warm-up', warmUp, 0), phase(profile, duration, 0, rate)];
  if (profile !== 'spike') return [phase(profile, warmUp + duration, rate)];
  return [
    phase('before', warmUp + duration * 0.4, rate),
    phase(profile, duration * 0.2, rate * spike),
    phase('after', duration * 0.4, rate),
  ];
}

/** When connections are reset, in seconds from the start; undefined when the profile resets none. */
export function stormAt(profile: Profile, duration: number): number | undefined {
  return profile === 'reconnect-storm' ? duration / 3 : undefined;
}
