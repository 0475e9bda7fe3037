import { type Entry, Rejection } from '@chat-cluster/contracts';
import { type BatchOutcome, type MessageStore, storeBatch } from '@chat-cluster/domain';
import { isTransientFault } from '@chat-cluster/postgres';
import { backoff, type Logger } from '@chat-cluster/runtime';
import { Counter } from 'prom-client';

const retries = new Counter({ name: 'chat_store_retries_total', help: 'Batches repeated after a transient fault' });
const poison = new Counter({ name: 'chat_store_poison_entries_total', help: 'Entries that Postgres will never take' });

/**
 * Stores a batch whatever it takes. A transient fault (restart, failover, lock, full disk) is repeated here, with
 * jittered back-off from 50 ms to 2 s, while the lane waits: order holds and nothing is given up. Any other fault means
 * that an entry is poison: the batch is halved until that entry stands alone, which is rejected; its neighbours go
 * through. Rejects only when `signal` aborts.
 */
export async function storeInPlace(
  { store, logger, signal }: { store: MessageStore; logger: Logger; signal: AbortSignal },
  entries: readonly Entry[],
): Promise<BatchOutcome> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await storeBatch(store, entries);
    } catch (error) {
      if (!isTransientFault(error)) return isolate({ store, logger, signal }, entries, error);
      retries.inc();
      if (attempt === 0)
        logger.warn({ err: error, entries: entries.length }, 'lane: storing failed, trying again in place');
      await backoff(attempt, 50, 2_000, signal);
    }
  }
}

async function isolate(
  deps: Parameters<typeof storeInPlace>[0],
  entries: readonly Entry[],
  error: unknown,
): Promise<BatchOutcome> {
  const [only] = entries;
  if (only && entries.length === 1) {
    poison.inc();
    deps.logger.error(
      { err: error, kind: only.kind, conversation: only.conversationId },
      'lane: rejected a poison entry',
    );
    return {
      results: [{ kind: 'rejected', error: new Rejection('REJECTED').payload }],
      messages: [],
      receipts: [],
      badges: [],
    };
  }
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
