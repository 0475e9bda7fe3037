import type { SendEntry } from '@chat-cluster/contracts';
import type { MessageStore, StoredMessage } from '@chat-cluster/domain';
import type { Database } from './database.ts';
import { isStoredAlready } from './faults.ts';
import { markRead } from './mark-read.ts';
import { withStorableQuotes } from './quotes.ts';
import { storeCheckingResends } from './store-checking-resends.ts';
import { storeFresh } from './store-fresh.ts';

/** Time after a resend during which all sends are stored by `storeCheckingResends`, in ms: resends come in bursts. */
const CHECK_RESENDS_MS = 5_000;

/**
 * The message store on Postgres: one statement per batch of sends and one per batch of reads. A single statement is its
 * own transaction, so a batch of one kind costs one round trip; one with replies costs another, which looks up their
 * quoted messages. The text of each statement is the same for any batch size, so it is planned once per connection.
 *
 * `storeFresh` runs first; it assumes that no send is a resend. If one is, the statement violates the unique key of
 * `messages` and stores nothing. Then `storeCheckingResends` stores the same sends, and all sends of the next
 * CHECK_RESENDS_MS.
 *
 * Lanes ensure that two workers never store for one conversation at once. If they nevertheless do, because a paused
 * worker resumes, the row lock on `conversations` makes one statement wait, and its insert then violates the unique
 * key. The whole statement is rolled back, and its repetition finds the rows of the other.
 */
export function createMessageStore(db: Database): MessageStore {
  let checkResendsUntil = 0;
  const checksResends = () => performance.now() < checkResendsUntil;
  const noteResend = (error: unknown) => {
    if (!isStoredAlready(error)) throw error;
    checkResendsUntil = performance.now() + CHECK_RESENDS_MS;
  };
  return {
    async storeSends(sends) {
      if (checksResends()) return storeWith(storeCheckingResends, db, sends);
      try {
        return await storeWith(storeFresh, db, sends);
      } catch (error) {
        noteResend(error);
        return storeWith(storeCheckingResends, db, sends);
      }
    },
    markRead: (marks) => markRead(db, marks),
    async atomically(work) {
      const run = (storeSends: typeof storeFresh) =>
        db.transaction().execute((tx) => work(withinTransaction(tx, storeSends)));
      if (checksResends()) return run(storeCheckingResends);
      try {
        return await run(storeFresh);
      } catch (error) {
        noteResend(error);
        return run(storeCheckingResends);
      }
    },
  };
}

function withinTransaction(tx: Database, storeSends: typeof storeFresh): MessageStore {
  const store: MessageStore = {
    storeSends: (sends) => storeWith(storeSends, tx, sends),
    markRead: (marks) => markRead(tx, marks),
    atomically: (work) => work(store),
  };
  return store;
}

/** The results have the quotes that have changed. */
async function storeWith(
  storeSends: typeof storeFresh,
  db: Database,
  sends: readonly SendEntry[],
): Promise<(StoredMessage | undefined)[]> {
  const storable = await withStorableQuotes(db, sends);
  const stored = await storeSends(db, storable);
  if (storable === sends) return stored;
  return stored.map((one, i) => {
    const replyTo = storable[i]?.replyTo;
    return one && replyTo && replyTo !== sends[i]?.replyTo ? { ...one, replyTo } : one;
  });
}
