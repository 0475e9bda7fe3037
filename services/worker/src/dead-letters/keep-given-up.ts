import { type DeadLetter, deadLetterOf } from '@chat-cluster/domain';
import type { GivenUpBatch } from '@chat-cluster/queue';
import { type KeepPorts, keepDeadLetters } from './keep-dead-letters.ts';

/** Keeps each entry of the batches that a lane gave up as a dead letter; of a batch without entries, all of it. */
export async function keepGivenUp(ports: KeepPorts, batches: readonly GivenUpBatch[]): Promise<void> {
  for (const batch of batches) {
    const letters = lettersOf(batch);
    ports.logger.error(
      { reason: batch.reason, letters: letters.length },
      'lane: a batch was given up and kept as dead letters',
    );
    await keepDeadLetters(ports, letters);
  }
}

function lettersOf({ data, reason, attempts }: GivenUpBatch): Omit<DeadLetter, 'at'>[] {
  const contents = hasEntries(data) ? data.entries : [data];
  return contents.map((content) => deadLetterOf(content, { source: 'lane', reason, attempts }));
}

function hasEntries(data: unknown): data is { entries: unknown[] } {
  return typeof data === 'object' && data !== null && 'entries' in data && Array.isArray(data.entries);
}
