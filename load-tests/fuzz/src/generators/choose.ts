import { oneOf, type Random } from '@chat-cluster/testkit';

/** A whole number from [min, max]. */
export function whole(random: Random, min: number, max: number): number {
  return min + Math.floor(random() * (max - min + 1));
}

export function chance(random: Random, probability: number): boolean {
  return random() < probability;
}

export function bytesOf(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
}

/** From 1 to `most` choices, repetitions included. */
export function someOf<T>(random: Random, choices: readonly T[], most: number): T[] {
  return Array.from({ length: whole(random, 1, most) }, () => oneOf(random, choices));
}

/** Values that break careless parsers of numbers. */
export const NUMBERS = [
  '',
  '0',
  '-1',
  '00',
  '1',
  '7',
  '0x10',
  '1e9',
  '4294967296',
  '9007199254740993',
  '99999999999999999999',
  'NaN',
] as const;

/** Values that break careless lookups of names. */
export const NAMES = ['__proto__', 'constructor', 'toString', '', '\0', '%00', '%', '../', 'é', '\uFFFF'] as const;
