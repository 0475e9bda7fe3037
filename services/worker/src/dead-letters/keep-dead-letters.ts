import type { DeadLetter, DeadLetters } from '@chat-cluster/domain';
import { describeFault, isTransientFault } from '@chat-cluster/postgres';
import { type Logger, retry } from '@chat-cluster/runtime';
import { Counter } from 'prom-client';

export interface KeepPorts {
  deadLetters: DeadLetters;
  logger: Logger;
  signal: AbortSignal;
}

/**
 * Keeps dead letters in Postgres, which outlives a wiped Redis. A transient fault is repeated, while the lane waits, as
 * in storing. Any other fault is logged with the ids and the letter is lost: a letter that cannot be kept must not stop
 * the lane. Rejects only when `signal` aborts.
 */
export async function keepDeadLetters(ports: KeepPorts, letters: readonly Omit<DeadLetter, 'at'>[]): Promise<void> {
  const { deadLetters, logger, signal } = ports;
  const onFailure = (error: unknown, attempt: number) => {
    if (!isTransientFault(error)) throw error;
    if (attempt === 0) logger.warn({ reason: describeFault(error) }, 'dead letters: keeping them failed, retrying');
  };
  try {
    await retry(() => deadLetters.keep(letters), { minMs: 50, maxMs: 2_000, signal, onFailure });
    for (const { source } of letters) kept.inc({ source });
  } catch (error) {
    if (isTransientFault(error)) throw error;
    await keepOneByOne(ports, letters, error);
  }
}

async function keepOneByOne(
  ports: KeepPorts,
  letters: readonly Omit<DeadLetter, 'at'>[],
  error: unknown,
): Promise<void> {
  if (letters.length > 1) {
    for (const letter of letters) await keepDeadLetters(ports, [letter]);
    return;
  }
  lost.inc(letters.length);
  ports.logger.error(
    { reason: describeFault(error), letter: letters[0]?.id, why: letters[0]?.reason },
    'dead letters: one could not be kept and is lost',
  );
}

const kept = new Counter({
  name: 'chat_dead_letters_total',
  help: 'Entries kept as dead letters, by source',
  labelNames: ['source'],
});
const lost = new Counter({
  name: 'chat_dead_letters_lost_total',
  help: 'Entries that could not be kept as dead letters either; the log has their ids',
});
