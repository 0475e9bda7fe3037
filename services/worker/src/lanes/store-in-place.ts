import { type Entry, Rejection } from '@chat-cluster/contracts';
import {
  type BatchOutcome,
  type BatchStores,
  deadLetterOf,
  emptyOutcome,
  ResultUnreadable,
  storeBatch,
} from '@chat-cluster/domain';
import { describeFault, isTransientFault } from '@chat-cluster/postgres';
import { type LaneHold, LaneLeft } from '@chat-cluster/queue';
import { retry } from '@chat-cluster/runtime';
import { Counter } from 'prom-client';
import { type KeepPorts, keepDeadLetters } from '../dead-letters/keep-dead-letters.ts';

/** The stores of start-lanes.ts; `store` is `joinStores(createMessageStore(db))`. */
export interface StoreInPlacePorts extends KeepPorts, BatchStores {
  hold: LaneHold;
}

/**
 * Stores the entries of a run, however long it takes. After a transient fault (restart, failover, lock, full disk) the
 * store is repeated here, with jittered back-off from 50 ms to 2 s, while the lane waits: order holds and no batch is
 * given up. Any other fault means that an entry is poison. The entries are then halved until the poison entry is alone:
 * it is kept as a dead letter and rejected, and its neighbours are stored.
 *
 * An entry that is stored, but whose result cannot be read, is isolated too. It is not rejected: its sender receives
 * UNAVAILABLE, and a resend stores nothing twice.
 *
 * Rejects only when `signal` aborts or the lane is lost. A process that was paused for long must not store a batch
 * that another worker has stored: the store would recognise its messages, but a read mark without `upToSeq` would now
 * also cover messages that arrived later.
 */
export async function storeInPlace(ports: StoreInPlacePorts, entries: readonly Entry[]): Promise<BatchOutcome> {
  const { hold, store, writes, logger, signal } = ports;
  const onFailure = (error: unknown, attempt: number) => {
    if (error instanceof LaneLeft || isPoison(error)) throw error;
    retries.inc();
    if (attempt === 0) logger.warn({ err: error, entries: entries.length }, 'lane: storing failed, retrying');
  };
  let mayRepeat = ports.mayRepeat === true || hold.mayRepeat === true;
  const attempt = async () => {
    if (!(await hold.held())) throw new LaneLeft('the lock of its lane was lost');
    const stores = { store, writes, mayRepeat };
    // A failed attempt may be stored: the answer of Postgres may have been lost.
    mayRepeat = true;
    return storeBatch(stores, entries);
  };
  return retry(attempt, { minMs: 50, maxMs: 2_000, signal, onFailure }).catch((error: unknown) => {
    if (!isPoison(error)) throw error;
    // The conversations before that of the poison entry are stored.
    return storeAroundPoison({ ...ports, mayRepeat }, entries, error);
  });
}

/** True for a fault that a repeat of the store cannot solve: data that Postgres never accepts, or a bug (also of reading). */
function isPoison(error: unknown): boolean {
  return !(error instanceof LaneLeft) && !isTransientFault(error);
}

async function storeAroundPoison(
  ports: StoreInPlacePorts,
  entries: readonly Entry[],
  error: unknown,
): Promise<BatchOutcome> {
  if (entries.length === 1) {
    return error instanceof ResultUnreadable
      ? reportUnreadable(ports, entries[0], error)
      : rejectPoison(ports, entries[0], error);
  }
  const middle = entries.length >> 1;
  const first = await storeInPlace(ports, entries.slice(0, middle));
  const second = await storeInPlace(ports, entries.slice(middle));
  return {
    results: [...first.results, ...second.results],
    messages: [...first.messages, ...second.messages],
    receipts: [...first.receipts, ...second.receipts],
    badges: [...first.badges, ...second.badges],
    events: [...first.events, ...second.events],
    changed: [...first.changed, ...second.changed],
    groupBadges: [...first.groupBadges, ...second.groupBadges],
  };
}

/** `entry` may be anything, since it cannot be stored. */
async function rejectPoison(ports: StoreInPlacePorts, entry: Entry | undefined, error: unknown): Promise<BatchOutcome> {
  poison.inc();
  const letter = deadLetterOf(entry, { source: 'store', reason: describeFault(error) });
  ports.logger.error(
    { err: error, kind: entry?.kind, conversation: entry?.conversationId, letter: letter.id },
    'lane: rejecting a poison entry',
  );
  await keepDeadLetters(ports, [letter]);
  return outcomeWithout(new Rejection('REJECTED'));
}

/** The entry is stored. Other devices learn of it by the gap that the next message leaves, or by their next sync. */
function reportUnreadable(ports: StoreInPlacePorts, entry: Entry | undefined, error: Error): BatchOutcome {
  unreadable.inc();
  const fields = { err: error, kind: entry?.kind, conversation: entry?.conversationId };
  ports.logger.error(fields, 'lane: an entry is stored, but its result cannot be read');
  return outcomeWithout(new Rejection('UNAVAILABLE', { retryAfterMs: UNREADABLE_RETRY_MS }));
}

function outcomeWithout(rejection: Rejection): BatchOutcome {
  return { ...emptyOutcome(), results: [{ kind: 'rejected', error: rejection.payload }] };
}

/** Time after which the sender of an entry whose result cannot be read may try again, in ms. */
const UNREADABLE_RETRY_MS = 5_000;

const retries = new Counter({ name: 'chat_store_retries_total', help: 'Repeats of a batch after a transient fault' });
const poison = new Counter({ name: 'chat_store_poison_entries_total', help: 'Entries that Postgres never accepts' });
const unreadable = new Counter({
  name: 'chat_store_unreadable_results_total',
  help: 'Entries that are stored, but whose result could not be read: a bug; the log has the reason',
});
