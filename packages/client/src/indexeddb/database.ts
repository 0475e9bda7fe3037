import { explained, nameOf } from './explained.ts';
import { type Database, type DatabaseOptions, type Mode, openDatabase, type Transaction } from './open-database.ts';

/** The part of an object store of `idb` that is used here. The types of the DOM are absent outside of browsers. */
export interface ObjectStore<T> {
  get(key: unknown): Promise<T | undefined>;
  getAll(range: unknown): Promise<T[]>;
  put(value: T, key: unknown): Promise<unknown>;
  delete(keyOrRange: unknown): Promise<void>;
}

/**
 * A commit resolves when the operating system has the data: it survives the page and the browser, but not a power failure
 * of the next seconds. `strict` waits for the disk, at each message, and gains little: what the disk of the device loses
 * then was, as a rule, sent to the server meanwhile.
 */
const DURABILITY = { durability: 'relaxed' } as const;

/**
 * A connection to a database. It is opened by the first transaction, and closed when another tab upgrades or deletes the
 * database or the browser ends it; the next transaction opens it again. The same holds after a failed open and after
 * `close`. `ended` is called at each end: the database may be another one afterwards.
 */
export function databaseConnection<Stores>(options: DatabaseOptions & { ended(): void }) {
  let current: Promise<Database> | undefined;
  const connect = (): Promise<Database> => {
    if (current) return current;
    const opening = openDatabase(options, () => end(opening));
    current = opening;
    opening.catch(() => end(opening));
    return opening;
  };
  const end = (connection: Promise<Database> | undefined) => {
    if (current === connection) current = undefined;
    options.ended();
    connection?.then(
      (database) => database.close(),
      () => {},
    );
  };
  const begin = async (mode: Mode): Promise<Transaction> => {
    const connection = connect();
    try {
      return (await connection).transaction(options.stores, mode, DURABILITY);
    } catch (error) {
      if (nameOf(error) !== 'InvalidStateError') throw error;
      // The connection was ended, perhaps without an event.
      end(connection);
      return (await connect()).transaction(options.stores, mode, DURABILITY);
    }
  };
  return {
    /** Runs `work`, which awaits only requests of its transaction. Resolves after the commit. */
    async transact<T>(mode: Mode, work: (stores: Stores) => Promise<T>): Promise<T> {
      try {
        return await run(await begin(mode), options.stores, work);
      } catch (error) {
        throw explained(error);
      }
    },
    /**
     * Commits the requests that `work` returns, without waiting for their results first: so they take effect also when
     * the page ends now. A browser aborts the transactions that a page has not committed.
     */
    async commitNow(work: (stores: Stores) => Promise<unknown>[]): Promise<void> {
      try {
        const transaction = await begin('readwrite');
        await run<Stores, unknown>(transaction, options.stores, async (stores) => {
          const requests = work(stores);
          transaction.commit();
          await Promise.all(requests);
        });
      } catch (error) {
        throw explained(error);
      }
    },
    /** Ends the connection after its transactions. */
    close: () => end(current),
  };
}

/** All or nothing: a failure of `work` aborts the transaction. */
async function run<Stores, T>(
  transaction: Transaction,
  names: readonly string[],
  work: (stores: Stores) => Promise<T>,
): Promise<T> {
  const stores = Object.fromEntries(names.map((name) => [name, transaction.objectStore(name)])) as Stores;
  const working = work(stores).catch((error: unknown) => {
    if (nameOf(error) !== 'AbortError') abort(transaction);
    throw error;
  });
  const [result, done] = await Promise.allSettled([working, transaction.done]);
  // Requests of an aborted transaction fail with AbortError, the transaction with the cause.
  if (done.status === 'rejected' && nameOf(done.reason) !== 'AbortError') throw done.reason;
  if (result.status === 'rejected') throw result.reason;
  if (done.status === 'rejected') throw done.reason;
  return result.value;
}

function abort(transaction: Transaction): void {
  try {
    transaction.abort();
  } catch {
    // It has ended.
  }
}
