import type { DeadLetters } from '@chat-cluster/domain';
import { Gauge } from 'prom-client';

const EVERY_MS = 10_000;
/** No further: that many are no less alarming than more. */
const AT_MOST = 10_000;

const present = new Gauge({
  name: 'chat_dead_letters',
  help: `Dead letters that wait for an operator, up to ${AT_MOST}; every worker shows all of them`,
});

/** Counts now and then, so that no scrape has to wait for Postgres. */
export function watchDeadLetters(deadLetters: DeadLetters): { stop(): void } {
  const look = () =>
    deadLetters.count(AT_MOST).then(
      (count) => present.set(count),
      () => {},
    );
  void look();
  const timer = setInterval(look, EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
