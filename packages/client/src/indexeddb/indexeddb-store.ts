import type { ClientMessageId } from '@chat-cluster/contracts';
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

type Meta = Omit<StoredState, 'conversations' | 'outbox'>;

/** A field that is undefined is left out of the record. */
type MetaFields = { [K in keyof Meta]?: Meta[K] | undefined };

/** Records under `key`, under `[key, conversation id]`, and under `[key, client message id]`. */
interface Stores {
  meta: ObjectStore<Meta>;
  conversations: ObjectStore<ConversationSnapshot>;
  outbox: ObjectStore<StoredOutgoing>;
}

const STORES = ['meta', 'conversations', 'outbox'] as const;

/**
 * Keeps the state of the users of this browser in IndexedDB. Each change is one transaction. Every failure (a full disk,
 * private mode, a newer version of the application in another tab) rejects with an Error that explains it.
 */
export function indexedDbStore(options: IndexedDbStoreOptions = {}): ChatStore {
  const { name = 'chat-cluster', openTimeoutMs = 4_000 } = options;
  /** Keys with records of this version in the open database. Their unsent messages are written without reading first. */
  const known = new Set<string>();
  const ended = () => known.clear();
  const database = databaseConnection<Stores>({ name, version: 1, stores: STORES, openTimeoutMs, ended });
  return {
    async load(key) {
      const state = await database.transact('readonly', (stores) => load(stores, key));
      if (state) known.add(key);
      return state;
    },
    async write(key, { outbox = [], removed = [], ...rest }) {
      const isOutboxOnly = Object.keys(rest).length === 0;
      if (isOutboxOnly && known.has(key)) {
        await database.commitNow((stores) => outboxRequests(stores, key, outbox, removed));
        return;
      }
      await database.transact('readwrite', (stores) => write(stores, key, { outbox, removed, ...rest }));
      known.add(key);
    },
    async delete(key) {
      known.delete(key);
      await database.transact('readwrite', (stores) => deleteAll(stores, key));
    },
    close: () => database.close(),
  };
}

async function load(stores: Stores, key: string): Promise<StoredState | undefined> {
  const [meta, conversations, outbox] = await Promise.all([
    stores.meta.get(key),
    stores.conversations.getAll(under(key)),
    stores.outbox.getAll(under(key)),
  ]);
  if (meta?.version !== VERSION) return undefined;
  return { ...meta, conversations, outbox: outbox.sort((a, b) => a.order - b.order) };
}

async function write(stores: Stores, key: string, change: StoreChange): Promise<void> {
  const found = await stores.meta.get(key);
  const isOfThisVersion = found?.version === VERSION;
  const { epoch, since, badge }: MetaFields = isOfThisVersion ? found : {};
  const { conversations = [], forgotten = [], outbox = [], removed = [], discard = false } = change;
  const kept: MetaFields = discard ? { epoch } : { epoch, since, badge };
  const changed: MetaFields = { epoch: change.epoch, since: change.since, badge: change.badge };
  await Promise.all([
    ...(isOfThisVersion ? [] : [deleteAll(stores, key)]),
    ...(discard ? [stores.conversations.delete(under(key))] : []),
    stores.meta.put({ ...defined(kept), ...defined(changed), version: VERSION }, key),
    ...conversations.map((conversation) => stores.conversations.put(conversation, [key, conversation.id])),
    ...forgotten.map((id) => stores.conversations.delete([key, id])),
    ...outboxRequests(stores, key, outbox, removed),
  ]);
}

function outboxRequests(
  stores: Stores,
  key: string,
  outbox: readonly StoredOutgoing[],
  removed: readonly ClientMessageId[],
): Promise<unknown>[] {
  return [
    ...outbox.map((message) => stores.outbox.put(message, [key, message.clientMessageId])),
    ...removed.map((id) => stores.outbox.delete([key, id])),
  ];
}

/** Requests of a transaction take effect in the order in which they are made. */
async function deleteAll({ meta, conversations, outbox }: Stores, key: string): Promise<void> {
  await Promise.all([meta.delete(key), conversations.delete(under(key)), outbox.delete(under(key))]);
}

/** All records whose key is an array that begins with `key`: an array sorts after every string. */
function under(key: string): unknown {
  return (globalThis as unknown as { IDBKeyRange: KeyRanges }).IDBKeyRange.bound([key], [key, []]);
}

interface KeyRanges {
  bound(lower: unknown, upper: unknown): unknown;
}

function defined(fields: MetaFields): Partial<Meta> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
