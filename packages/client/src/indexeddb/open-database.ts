import { openDB } from 'idb';

/** The part of a database of `idb` that is used here. */
export interface Database {
  transaction(stores: readonly string[], mode: Mode, options: { durability: 'relaxed' }): Transaction;
  close(): void;
}

export interface Transaction {
  objectStore(name: string): unknown;
  commit(): void;
  abort(): void;
  readonly done: Promise<void>;
}

export type Mode = 'readonly' | 'readwrite';

export interface DatabaseOptions {
  name: string;
  version: number;
  stores: readonly string[];
  openTimeoutMs: number;
}

/**
 * Opens a database and creates its object stores. `onEnd`: the connection must be closed, or was ended by the browser.
 * Rejects after `openTimeoutMs`; a connection that is open later is closed.
 */
export async function openDatabase(options: DatabaseOptions, onEnd: () => void): Promise<Database> {
  const { name, version, stores, openTimeoutMs } = options;
  if (!(globalThis as { indexedDB?: unknown }).indexedDB) {
    throw new Error(
      'There is no IndexedDB here: pass another `store` to createChatClient, or none to keep all in memory.',
    );
  }
  let blocked = false;
  const opening = openDB(name, version, {
    upgrade(database) {
      for (const store of stores) {
        if (!database.objectStoreNames.contains(store)) database.createObjectStore(store);
      }
    },
    blocked() {
      blocked = true;
    },
    blocking: onEnd,
    terminated: onEnd,
  }) as unknown as Promise<Database>;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    opening.then(
      (database) => database.close(),
      () => {},
    );
    late.reject(
      new Error(
        blocked
          ? `Another tab uses an older version of the database "${name}". Close or reload that tab, then reload this page.`
          : `The browser has not opened the database "${name}" within ${openTimeoutMs} ms. Reload the page.`,
      ),
    );
  }, openTimeoutMs);
  try {
    return await Promise.race([opening, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
