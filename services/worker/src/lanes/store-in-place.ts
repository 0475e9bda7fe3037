import { type Entry, Rejection } from '@chat-cluster/contracts';
import { type BatchOutcome, type DeadLetters, deadLetterOf, type MessageStore, storeBatch } from '@chat-cluster/domain';
import { describeFault, isTransientFault } from '@chat-cluster/postgres';
import { type LaneHold, LaneLeft } from '@chat-cluster/queue';
import { backoff, type Logger } from '@chat-cluster/runtime';
import { Counter } from 'prom-client';
import { keepDeadLetters } from '../dead-letters/keep-dead-letters.ts';

const retries = new Counter({ name: 'chat_store_retries_total', help: 'Batches repeated after a transient fault' });
const poison = new Counter({ name: 'chat_store_poison_entries_total', help: 'Entries that Postgres will never take' });

export interface StoreInPlace {
  store: MessageStore;
  deadLetters: DeadLetters;
  logger: Logger;
  signal: AbortSignal;
  hold: LaneHold;
}

/**
 * Stores a batch whatever it takes. A transient fault (restart, failover, lock, full disk) is repeated here, with
 * jittered back-off from 50 ms to 2 s, while the lane waits: order holds and nothing is given up. Any other fault means
 * that an entry is poison: the batch is halved until that entry stands alone, which is kept as a dead letter and
 * rejected; its neighbours go through. Rejects only when `signal` aborts, and when the lane is no longer ours: a process
 * that was paused for long must not store what another one has stored, since a read mark means everything before it
 * **now**.
 */
export async function storeInPlace(deps: StoreInPlace, entries: readonly Entry[]): Promise<BatchOutcome> {
  for (let attempt = 0; ; attempt++) {
    if (!(await deps.hold.held())) throw new LaneLeft('the lock of its lane was lost');
    try {
      return await storeBatch(deps.store, entries);
    } catch (error) {
      if (!isTransientFault(error)) return isolate(deps, entries, error);
      retries.inc();
      if (attempt === 0)
        deps.logger.warn({ err: error, entries: entries.length }, 'lane: storing failed, trying again in place');
      await backoff(attempt, 50, 2_000, deps.signal);
    }
  }
}

async function isolate(deps: StoreInPlace, entries: readonly Entry[], error: unknown): Promise<BatchOutcome> {
  if (entries.length === 1) return bury(deps, entries[0], error);
  const middle = entries.length >> 1;
  const first = await storeInPlace(deps, entries.slice(0, middle));
  const second = await storeInPlace(deps, entries.slice(middle));
  return {
    results: [...first.results, ...second.results],
    messages: [...first.messages, ...second.messages],
    receipts: [...first.receipts, ...second.receipts],
    badges: [...first.badges, ...second.badges],
  };
}

/** `entry` may be anything, since it can not be stored. */
async function bury(deps: StoreInPlace, entry: Entry | undefined, error: unknown): Promise<BatchOutcome> {
  poison.inc();
  const letter = deadLetterOf(entry, { source: 'store', reason: describeFault(error) });
  deps.logger.error(
    { err: error, kind: entry?.kind, conversation: entry?.conversationId, letter: letter.id },
    'lane: rejected a poison entry and kept it as a dead letter',
  );
  await keepDeadLetters(deps, [letter]);
  return {
    results: [{ kind: 'rejected', error: new Rejection('REJECTED').payload }],
    messages: [],
    receipts: [],
    badges: [],
  };
}
