import type { DeadLetter, DeadLetters } from '@chat-cluster/domain';
import { describeFault, isTransientFault } from '@chat-cluster/postgres';
import { backoff, type Logger } from '@chat-cluster/runtime';
import { Counter } from 'prom-client';

const kept = new Counter({
  name: 'chat_dead_letters_total',
  help: 'Entries kept as dead letters, by source',
  labelNames: ['source'],
});
const lost = new Counter({
  name: 'chat_dead_letters_lost_total',
  help: 'Entries that could not even be kept as dead letters; the log has their ids',
});

/**
 * Keeps dead letters whatever it takes: a fault that passes is waited for, with the lane, as storing does. Any other
 * fault is logged with the ids and left: a letter that can not be kept must not stop the lane. Rejects only when
 * `signal` aborts.
 */
export async function keepDeadLetters(
  { deadLetters, logger, signal }: { deadLetters: DeadLetters; logger: Logger; signal: AbortSignal },
  letters: readonly Omit<DeadLetter, 'at'>[],
): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await deadLetters.keep(letters);
      for (const { source } of letters) kept.inc({ source });
      return;
    } catch (error) {
      if (!isTransientFault(error)) return keepOneByOne({ deadLetters, logger, signal }, letters, error);
      if (attempt === 0) logger.warn({ reason: describeFault(error) }, 'dead letters: trying again in place');
      await backoff(attempt, 50, 2_000, signal);
    }
  }
}

async function keepOneByOne(
  deps: Parameters<typeof keepDeadLetters>[0],
  letters: readonly Omit<DeadLetter, 'at'>[],
  error: unknown,
): Promise<void> {
  if (letters.length > 1) {
    for (const letter of letters) await keepDeadLetters(deps, [letter]);
    return;
  }
  lost.inc(letters.length);
  deps.logger.error(
    { reason: describeFault(error), letter: letters[0]?.id, why: letters[0]?.reason },
    'dead letters: one could not be kept and is lost',
  );
}
