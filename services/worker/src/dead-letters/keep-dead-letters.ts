import { type DeadLetter, type DeadLetters, deadLetterOf } from '@chat-cluster/domain';
import { describeFault, isTransientFault } from '@chat-cluster/postgres';
import type { GivenUpBatch } from '@chat-cluster/queue';
import { type Logger, retry } from '@chat-cluster/runtime';
import { Counter } from 'prom-client';

export interface KeepPorts {
  deadLetters: DeadLetters;
  logger: Logger;
  /** Aborted when the process stops. */
  signal: AbortSignal;
}

type Letter = Omit<DeadLetter, 'at'>;

/**
 * Keeps dead letters in Postgres, so they remain when Redis loses its data. After a transient fault the write is
 * repeated while the lane waits, as in storing. Any other fault is logged with the ids and the letter is lost: a letter
 * that cannot be kept must not stop the lane. Rejects only when `signal` aborts.
 */
export async function keepDeadLetters(ports: KeepPorts, letters: readonly Letter[]): Promise<void> {
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
    if (letters.length > 1) {
      for (const letter of letters) await keepDeadLetters(ports, [letter]);
      return;
    }
    lost.inc(letters.length);
    const fields = { reason: describeFault(error), letter: letters[0]?.id, why: letters[0]?.reason };
    logger.error(fields, 'dead letters: one could not be kept and is lost');
  }
}

/** Keeps each entry of the batches that a lane gave up as a dead letter; of a batch without entries, all of it. */
export async function keepGivenUp(ports: KeepPorts, batches: readonly GivenUpBatch[]): Promise<void> {
  for (const { data, reason, attempts } of batches) {
    const contents = hasEntries(data) ? data.entries : [data];
    const letters = contents.map((content) => deadLetterOf(content, { source: 'lane', reason, attempts }));
    ports.logger.error({ reason, letters: letters.length }, 'lane: a batch was given up, keeping it as dead letters');
    await keepDeadLetters(ports, letters);
  }
}

function hasEntries(data: unknown): data is { entries: unknown[] } {
  return typeof data === 'object' && data !== null && 'entries' in data && Array.isArray(data.entries);
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
