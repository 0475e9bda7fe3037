import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '@chat-cluster/testkit';

/** Waits as a well-behaved client does between two tries: up to 100 ms, doubling to 1 s, with jitter. */
export function backOff(attempt: number, random: Random): Promise<void> {
  return delay(Math.min(1_000, 100 * 2 ** Math.min(attempt, 5)) * (0.5 + random() / 2));
}
