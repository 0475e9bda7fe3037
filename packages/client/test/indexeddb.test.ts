import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import * as fake from 'fake-indexeddb';
import { deleteDB, openDB } from 'idb';
import { createChatClient } from '../src/index.ts';
import { indexedDbStore } from '../src/indexeddb/index.ts';
import { createFakeCluster } from '../src/testing/index.ts';
import type { ChatStore, StoredOutgoing } from '../src/types.ts';
import { removeGlobals, setGlobals } from './indexeddb-globals.ts';
import { storeContract } from './store-contract.ts';

const MESSAGE = { clientMessageId: 'm', conversationId: 'c', content: 'Hello', attachments: [], sentAt: 1, order: 1 };
const CHANGE = { badge: 1, outbox: [MESSAGE as unknown as StoredOutgoing] };

describe('indexedDbStore', () => {
  const opened: ChatStore[] = [];
  const open = (options?: Parameters<typeof indexedDbStore>[0]) => {
    const store = indexedDbStore(options);
    opened.push(store);
    return store;
  };

  before(() => setGlobals({ ...fake, indexedDB: new fake.IDBFactory() }));
  after(removeGlobals);
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close?.();
  });

  storeContract('indexedDbStore', open);

  it('applies a change as a whole or not at all', async () => {
    const store = open();
    await store.write('whole', { badge: 1 });
    const bad = { ...MESSAGE, content: () => {} } as unknown as StoredOutgoing;
    const error = await rejection(store.write('whole', { badge: 2, removed: [], outbox: [bad] }));
    expect(error.message).to.match(/cannot be stored/);
    expect(await store.load('whole')).to.deep.equal({ version: 1, badge: 1, conversations: [], outbox: [] });
  });

  it('applies a change of the outbox as a whole or not at all', async () => {
    const store = open();
    await store.write('outbox', { badge: 1 });
    const bad = { ...MESSAGE, clientMessageId: 'n', content: () => {} } as unknown as StoredOutgoing;
    const error = await rejection(store.write('outbox', { outbox: [...CHANGE.outbox, bad] }));
    expect(error.message).to.match(/cannot be stored/);
    expect((await store.load('outbox'))?.outbox).to.deep.equal([]);
  });

  it('commits each change at once after the state was loaded, for a page that ends now', async () => {
    const store = open();
    await store.load('ending');
    const { get, getAll } = fake.IDBObjectStore.prototype;
    let reads = 0;
    const counting = (read: (key: never) => unknown) =>
      function (this: unknown, key: never) {
        reads++;
        return read.call(this, key);
      };
    Object.assign(fake.IDBObjectStore.prototype, { get: counting(get), getAll: counting(getAll) });
    try {
      await store.write('ending', { outbox: CHANGE.outbox });
      await store.write('ending', { badge: 1, discard: true, conversations: [], forgotten: [], removed: [] });
    } finally {
      Object.assign(fake.IDBObjectStore.prototype, { get, getAll });
    }
    expect(reads, 'reads before the commit').to.equal(0);
    expect(await store.load('ending')).to.deep.include(CHANGE);
  });

  it('explains a full disk, and keeps the state before the change', async () => {
    const store = open();
    await store.write('full', { badge: 1 });
    const { put } = fake.IDBObjectStore.prototype;
    fake.IDBObjectStore.prototype.put = function (...args: unknown[]) {
      const request = put.apply(this, args);
      (this.transaction as unknown as { _abort(name: string): void })._abort('QuotaExceededError');
      return request;
    };
    try {
      const error = await rejection(store.write('full', { badge: 2 }));
      expect(error.message).to.match(/storage of this browser is full/);
      expect((error.cause as Error).name).to.equal('QuotaExceededError');
    } finally {
      fake.IDBObjectStore.prototype.put = put;
    }
    expect((await store.load('full'))?.badge).to.equal(1);
  });

  it('works on after another tab has deleted the database', async () => {
    const store = open({ name: 'deleted' });
    await store.write('k', CHANGE);
    await deleteDB('deleted');
    expect(await store.load('k')).to.equal(undefined);
    await store.write('k', CHANGE);
    expect((await store.load('k'))?.outbox).to.have.lengthOf(1);
    await deleteDB('deleted');
    await store.write('k', { outbox: CHANGE.outbox });
    expect((await store.load('k'))?.outbox).to.have.lengthOf(1);
  });

  it('makes way for a newer version in another tab, then asks for a reload', async () => {
    const store = open({ name: 'newer' });
    await store.write('k', CHANGE);
    const newer = await openDB('newer', 2);
    const error = await rejection(store.load('k'));
    expect(error.message).to.match(/Reload the page/);
    newer.close();
  });

  it('gives up when a tab with an older version does not close it, and works once it is closed', async () => {
    await withOlderVersion('blocked', async (older) => {
      const store = open({ name: 'blocked', openTimeoutMs: 50 });
      const error = await rejection(store.write('k', CHANGE));
      expect(error.message).to.match(/Another tab uses an older version/);
      older.close();
      await eventually(() => store.write('k', CHANGE));
    });
  });

  it('gives up when the browser never answers', async () => {
    setGlobals({ indexedDB: { open: () => new fake.IDBOpenDBRequest() } });
    const error = await rejection(open({ openTimeoutMs: 10 }).load('k'));
    setGlobals({ indexedDB: new fake.IDBFactory() });
    expect(error.message).to.match(/not opened .* within 10 ms/);
  });

  it('explains a browser that refuses, and one without IndexedDB', async () => {
    const refuse = () => {
      throw new DOMException('The operation is insecure.', 'SecurityError');
    };
    setGlobals({ indexedDB: { open: refuse } });
    const refused = await rejection(open().load('k'));
    setGlobals({ indexedDB: undefined });
    const missing = await rejection(open().load('k'));
    setGlobals({ indexedDB: new fake.IDBFactory() });
    expect(refused.message).to.match(/does not allow IndexedDB/);
    expect(missing.message).to.match(/no IndexedDB here: pass another `store`/);
  });

  it('opens the database again after `close`, and after an end of the connection without an event', async () => {
    const store = open({ name: 'ended' });
    await store.write('k', CHANGE);
    await store.close?.();
    expect((await store.load('k'))?.badge).to.equal(1);
    const { transaction } = fake.IDBDatabase.prototype;
    fake.IDBDatabase.prototype.transaction = () => {
      fake.IDBDatabase.prototype.transaction = transaction;
      throw new DOMException('The database connection is closing.', 'InvalidStateError');
    };
    expect((await store.load('k'))?.badge).to.equal(1);
  });

  it('keeps unsent messages over a reload without a connection; the next client sends them once', async () => {
    const cluster = createFakeCluster({ time: 'platform' });
    const client = () => createChatClient({ ...cluster.optionsOf('alice'), store: open({ name: 'reload' }) });
    const first = client();
    first.connect();
    const { id } = await first.direct('bob');
    await first.settled();
    cluster.offline();
    first.conversation(id).send('one');
    first.conversation(id).send('two');
    await first.close();
    cluster.online();
    const second = client();
    second.connect();
    await eventually(() => {
      expect(cluster.messages(id).map(({ content }) => content)).to.deep.equal(['one', 'two']);
    });
    await second.settled();
    const key = `${cluster.url} alice`;
    expect((await open({ name: 'reload' }).load(key))?.conversations).to.have.lengthOf(1);
    await second.signOut();
    expect(await open({ name: 'reload' }).load(key)).to.equal(undefined);
    cluster.close();
  });

  it('does not read records of another version, and replaces them', async () => {
    const store = open({ name: 'records' });
    await store.write('k', { ...CHANGE, since: 's' });
    const database = await openDB('records', 1);
    await database.put('meta', { version: 0, since: 'old' }, 'k');
    database.close();
    expect(await store.load('k')).to.equal(undefined);
    await store.write('k', { badge: 5 });
    expect(await store.load('k')).to.deep.equal({ version: 1, badge: 5, conversations: [], outbox: [] });
  });
});

/** Runs beside a connection with an older version, of a tab that ignores that another one waits. */
async function withOlderVersion(name: string, run: (older: { close(): void }) => Promise<void>): Promise<void> {
  const { open } = fake.IDBFactory.prototype;
  const older = (await openDB(name, 1)) as unknown as { close(): void };
  fake.IDBFactory.prototype.open = function (opened: string) {
    return open.call(this, opened, 2);
  };
  try {
    await run(older);
  } finally {
    fake.IDBFactory.prototype.open = open;
    older.close();
  }
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  const result = await promise.then(
    () => undefined,
    (error: Error) => error,
  );
  if (!(result instanceof Error)) throw new Error('It resolved, or rejected with something else than an Error.');
  return result;
}
