import { randomUUID } from 'node:crypto';
import type { ClientMessageId, SendEntry, UserId } from '@chat-cluster/contracts';
import { type MessageStore, newConversationId, newMessageId } from '@chat-cluster/domain';
import { createConversationStore, createMessageStore } from '@chat-cluster/postgres';
import { createLogger } from '@chat-cluster/runtime';
import { freshDatabase } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';
import { storeInPlace } from '../src/store-in-place.ts';

describe('storing in place', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let store: MessageStore;
  const logger = createLogger({ name: 'test', level: 'silent', format: 'json' });
  const forever = new AbortController().signal;

  before(async () => {
    database = await freshDatabase();
    store = createMessageStore(database.db);
  });
  after(() => database.drop());

  /** Sends of one user of a new conversation. */
  async function sends(...contents: string[]): Promise<SendEntry[]> {
    const [senderId, receiverId] = [`a-${randomUUID()}` as UserId, `b-${randomUUID()}` as UserId];
    const { conversation } = await createConversationStore(database.db).open(newConversationId(), senderId, receiverId);
    return contents.map((content) => {
      const id = newMessageId();
      const clientMessageId = id as string as ClientMessageId;
      return {
        kind: 'send',
        id,
        conversationId: conversation.id,
        senderId,
        receiverId,
        clientMessageId,
        content,
        attachments: [],
      };
    });
  }

  it('rejects a poison entry alone; its neighbours are stored in order', async () => {
    const batch = await sends('1', '2', 'po\u0000ison', '3', '4', 'po\u0000ison too', '5');
    const outcome = await storeInPlace({ store, logger, signal: forever }, batch);
    expect(outcome.results.map((result) => result.kind)).to.deep.equal([
      'stored',
      'stored',
      'rejected',
      'stored',
      'stored',
      'rejected',
      'stored',
    ]);
    expect(outcome.messages.map(({ seq, content }) => [seq, content])).to.deep.equal([
      [1, '1'],
      [2, '2'],
      [3, '3'],
      [4, '4'],
      [5, '5'],
    ]);
    expect(outcome.results[2]).to.have.nested.property('error.code', 'REJECTED');
  });

  it('waits for a lock that others hold longer than a statement may wait', async () => {
    const batch = await sends('patient');
    // On every connection of the pool: each is kept busy until all are.
    await Promise.all(
      Array.from({ length: 4 }, () =>
        sql`select set_config('lock_timeout', '100ms', false), pg_sleep(0.1)`.execute(database.db),
      ),
    );
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let faults = 0;
    const impatient = watched(store, () => ++faults === 2 && release());
    const holding = database.db.transaction().execute(async (tx) => {
      await sql`lock table messages in exclusive mode`.execute(tx);
      await released;
    });
    const outcome = await storeInPlace({ store: impatient, logger, signal: forever }, batch);
    await holding;
    expect(faults).to.be.at.least(2);
    expect(outcome.results.map((result) => result.kind)).to.deep.equal(['stored']);
  });

  it('goes on after its connections were cut', async () => {
    const batch = await sends('1', '2');
    let cuts = 0;
    const cutting: MessageStore = {
      ...store,
      storeSends: async (entries) => {
        if (cuts++ < 3) await sql`select pg_terminate_backend(pg_backend_pid())`.execute(database.db);
        return store.storeSends(entries);
      },
    };
    const outcome = await storeInPlace({ store: cutting, logger, signal: forever }, batch);
    expect(cuts).to.equal(4);
    expect(outcome.messages.map((message) => message.seq)).to.deep.equal([1, 2]);
  });

  it('waits for a schema that is not migrated yet', async () => {
    const batch = await sends('early');
    await sql`alter table messages rename to messages_later`.execute(database.db);
    let faults = 0;
    const waiting = watched(store, () => {
      if (++faults === 2) void sql`alter table messages_later rename to messages`.execute(database.db);
    });
    const outcome = await storeInPlace({ store: waiting, logger, signal: forever }, batch);
    expect(outcome.results.map((result) => result.kind)).to.deep.equal(['stored']);
  });

  it('gives up only when it is told to stop', async () => {
    const batch = await sends('never');
    const stop = new AbortController();
    let faults = 0;
    const broken: MessageStore = {
      ...store,
      storeSends: async () => {
        if (++faults === 3) stop.abort(new Error('stopping'));
        throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
      },
    };
    const error = await storeInPlace({ store: broken, logger, signal: stop.signal }, batch).catch(
      (reason: Error) => reason,
    );
    expect(error).to.be.instanceOf(Error);
    expect(faults).to.equal(3);
  });

  /** The store, with word of each of its faults. */
  function watched(inner: MessageStore, onFault: () => void): MessageStore {
    return {
      ...inner,
      storeSends: (entries) =>
        inner.storeSends(entries).catch((error: unknown) => {
          onFault();
          throw error;
        }),
    };
  }
});
