import type { DeadLetters } from '@chat-cluster/domain';
import { every } from '@chat-cluster/runtime';
import { Gauge } from 'prom-client';

const EVERY_MS = 10_000;
/** Largest number that is counted, which bounds the cost; an operator must act in any case. */
const MAX_COUNTED = 10_000;

/** Counts the dead letters regularly, so that no scrape waits for Postgres. */
export function watchDeadLetters(deadLetters: DeadLetters): { stop(): void } {
  const counts = every(EVERY_MS, async () => present.set(await deadLetters.count(MAX_COUNTED)));
  counts.now();
  return { stop: () => void counts.stop() };
}

const present = new Gauge({
  name: 'chat_dead_letters',
  help: `Dead letters that an operator has to handle, up to ${MAX_COUNTED}; every worker shows all of them`,
});
