import { createHash } from 'node:crypto';

/** Returns the next number from [0, 1). */
export type Random = () => number;

/**
 * A generator (mulberry32) that returns the same numbers for the same `seed`. Different seeds give independent
 * sequences.
 *
 * Written here although libraries exist: the seed in a saved run of `npm run verify` must replay its faults, so the
 * sequence of a seed may never change.
 */
export function seededRandom(seed: string): Random {
  let state = createHash('sha256').update(seed).digest().readUInt32LE(0);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A number from [min, max). */
export function between(random: Random, min: number, max: number): number {
  return min + random() * (max - min);
}

/** One of `choices`, which must not be empty. */
export function oneOf<T>(random: Random, choices: readonly T[]): T {
  const choice = choices[Math.floor(random() * choices.length)];
  if (choice === undefined) throw new Error('nothing to choose from');
  return choice;
}
