import type { ChatStore, ConversationSnapshot, StoreChange, StoredOutgoing, StoredState } from '../types.ts';
import { databaseConnection, type ObjectStore } from './database.ts';

export interface IndexedDbStoreOptions {
  /** Name of the database (default `chat-cluster`). */
  name?: string;
  /**
   * Time to open the database, in ms (default 4,000; the client waits for 5 s). Another tab may hold an older version,
   * and some browsers never answer.
   */
  openTimeoutMs?: number;
}

/** Version of the records. Those of another version are not read, and replaced by the next change. */
const VERSION: StoredState['version'] = 1;

/** Records under `[key, conversation id]`, `[key, client message id]` and, in `meta`, `[key, name of the field]`. */
interface Stores {
  /** The version under `key`. Each field is a record, so that a change of one needs no read of the others. */
  meta: ObjectStore<Partial<Omit<StoredState, 'conversations' | 'outbox'>>>;
  conversations: ObjectStore<ConversationSnapshot>;
  outbox: ObjectStore<StoredOutgoing>;
}

const STORES = ['meta', 'conversations', 'outbox'] as const;

/**
 * Keeps the state of the users of this browser in IndexedDB. Each change is one transaction, which the database runs in
 * the order in which they are made. Every failure (a full disk, private mode, a newer version of the application in
 * another tab) rejects with an Error that explains it.
 */
export function indexedDbStore(options: IndexedDbStoreOptions = {}): ChatStore {
  const { name = 'chat-cluster', openTimeoutMs = 4_000 } = options;
  /** Keys without records of another version in the open database. Their changes are written without reading first. */
  const known = new Set<string>();
  const ended = () => known.clear();
  const database = databaseConnection<Stores>({ name, version: 1, stores: STORES, openTimeoutMs, ended });
  return {
    async load(key) {
      const state = await database.transact('readonly', (stores) => load(stores, key));
      if (state !== 'other version') known.add(key);
      else known.delete(key);
      return state === 'other version' ? undefined : state;
    },
    async write(key, change) {
      if (known.has(key)) return database.commitNow((stores) => requests(stores, key, change));
      await database.transact('readwrite', async (stores) => {
        const found = await stores.meta.get(key);
        const cleared = found?.version === VERSION ? [] : [deleteAll(stores, key)];
        await Promise.all([...cleared, ...requests(stores, key, change)]);
      });
      known.add(key);
    },
    async delete(key) {
      await database.transact('readwrite', (stores) => deleteAll(stores, key));
    },
    close: () => database.close(),
  };
}

async function load(stores: Stores, key: string): Promise<StoredState | undefined | 'other version'> {
  const [found, fields, conversations, outbox] = await Promise.all([
    stores.meta.get(key),
    stores.meta.getAll(under(key)),
    stores.conversations.getAll(under(key)),
    stores.outbox.getAll(under(key)),
  ]);
  if (found?.version !== VERSION) return found && 'other version';
  const state: StoredState = { version: VERSION, conversations, outbox: outbox.sort((a, b) => a.order - b.order) };
  return Object.assign(state, ...fields);
}

/** Fields that belong to the history. */
const DISCARDED = ['since', 'badge'];

/** The requests of a change. They take effect in the order in which they are made. */
function requests(stores: Stores, key: string, change: StoreChange): Promise<unknown>[] {
  const { conversations = [], forgotten = [], outbox = [], removed = [], discard, ...fields } = change;
  const { meta } = stores;
  return [
    ...(discard ? [stores.conversations.delete(under(key)), ...DISCARDED.map((name) => meta.delete([key, name]))] : []),
    meta.put({ version: VERSION }, key),
    ...Object.entries(fields).map(([name, value]) => meta.put({ [name]: value }, [key, name])),
    ...conversations.map((conversation) => stores.conversations.put(conversation, [key, conversation.id])),
    ...forgotten.map((id) => stores.conversations.delete([key, id])),
    ...outbox.map((message) => stores.outbox.put(message, [key, message.clientMessageId])),
    ...removed.map((id) => stores.outbox.delete([key, id])),
  ];
}

async function deleteAll({ meta, conversations, outbox }: Stores, key: string): Promise<void> {
  const all = under(key);
  await Promise.all([meta.delete(key), meta.delete(all), conversations.delete(all), outbox.delete(all)]);
}

/** All records whose key is an array that begins with `key`: an array sorts after every string. */
function under(key: string): unknown {
  return (globalThis as unknown as { IDBKeyRange: KeyRanges }).IDBKeyRange.bound([key], [key, []]);
}

interface KeyRanges {
  bound(lower: unknown, upper: unknown): unknown;
}
