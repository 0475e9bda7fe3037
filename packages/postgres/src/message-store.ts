import type { MessageStore } from '@chat-cluster/domain';
import type { Database } from './database.ts';
import { isStoredAlready } from './faults.ts';
import { markRead } from './mark-read.ts';
import { storeCheckingResends } from './store-checking-resends.ts';
import { storeFresh } from './store-fresh.ts';

/** Time after a resend during which all sends are stored by `storeCheckingResends`, in ms: resends come in bursts. */
const CHECK_RESENDS_MS = 5_000;

/**
 * The message store on Postgres: one statement per batch of sends and one per batch of reads. A single statement is its
 * own transaction, so a batch of one kind costs one round trip. The text of each statement is the same for any batch
 * size, so it is planned once per connection.
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
      if (checksResends()) return storeCheckingResends(db, sends);
      try {
        return await storeFresh(db, sends);
      } catch (error) {
        noteResend(error);
        return storeCheckingResends(db, sends);
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
    storeSends: (sends) => storeSends(tx, sends),
    markRead: (marks) => markRead(tx, marks),
    atomically: (work) => work(store),
  };
  return store;
}
