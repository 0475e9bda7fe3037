import { createHash, timingSafeEqual } from 'node:crypto';

/** Compares a given text with a secret. Takes the same time for every text. */
export function isSameSecret(given: string, secret: string): boolean {
  const digest = (value: string) => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(given), digest(secret));
}
