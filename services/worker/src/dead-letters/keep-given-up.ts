import { type DeadLetter, deadLetterOf } from '@chat-cluster/domain';
import type { GivenUpBatch } from '@chat-cluster/queue';
import { keepDeadLetters } from './keep-dead-letters.ts';

/** Keeps each entry of jobs that their lane gave up as a dead letter; of a job without entries, the whole of it. */
export async function keepGivenUp(
  deps: Parameters<typeof keepDeadLetters>[0],
  jobs: readonly GivenUpBatch[],
): Promise<void> {
  for (const job of jobs) {
    const letters = lettersOf(job);
    deps.logger.error(
      { reason: job.reason, letters: letters.length },
      'lane: a job was given up, kept as dead letters',
    );
    await keepDeadLetters(deps, letters);
  }
}

function lettersOf({ data, reason, attempts }: GivenUpBatch): Omit<DeadLetter, 'at'>[] {
  const contents = hasEntries(data) ? data.entries : [data];
  return contents.map((content) => deadLetterOf(content, { source: 'lane', reason, attempts }));
}

function hasEntries(data: unknown): data is { entries: unknown[] } {
  return typeof data === 'object' && data !== null && 'entries' in data && Array.isArray(data.entries);
}
