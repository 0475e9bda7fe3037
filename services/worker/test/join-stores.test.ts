import type { SendEntry } from '@chat-cluster/contracts';
import type { MessageStore } from '@chat-cluster/domain';
import { createMessageStore, type Database, openDatabase } from '@chat-cluster/postgres';
import { freshDatabase } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';
import { joinStores } from '../src/lanes/join-stores.ts';
import { newSends } from './new-sends.ts';

describe('lanes that store at the same time', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let joined: MessageStore;
  /** The number of sends of each statement of the test. */
  let statements: number[];
  /** Each statement waits for it before it is sent to Postgres. */
  let beforeStatement: Promise<void>;

  before(async () => {
    database = await freshDatabase();
  });
  beforeEach(() => {
    statements = [];
    beforeStatement = Promise.resolve();
    joined = joinCounted(database.db);
  });
  after(() => database.drop());

  function joinCounted(db: Database): MessageStore {
    const store = createMessageStore(db);
    return joinStores({
      ...store,
      async storeSends(sends) {
        statements.push(sends.length);
        await beforeStatement;
        return store.storeSends(sends);
      },
    });
  }

  const runs = (...contents: string[][]): Promise<SendEntry[][]> =>
    Promise.all(contents.map((of) => newSends(database.db, ...of)));
  const contentsOf = async ([first]: readonly SendEntry[]) => {
    if (!first) return [];
    const rows = await database.db
      .selectFrom('messages')
      .select('content')
      .where('conversation_id', '=', first.conversationId)
      .orderBy('seq')
      .execute();
    return rows.map(({ content }) => content);
  };

  it('store at once while fewer than two statements are in progress, else join into one statement', async () => {
    const of = await runs(['1', '2'], ['3'], ['4', '5', '6'], ['7'], ['8']);
    const { promise, resolve: release } = Promise.withResolvers<void>();
    beforeStatement = promise;
    const storing = [];
    for (const sends of of) {
      storing.push(joined.storeSends(sends));
      await new Promise(setImmediate);
    }
    expect(statements).to.deep.equal([2, 1]);
    release();
    const stored = await Promise.all(storing);
    expect(statements).to.deep.equal([2, 1, 5]);
    for (const [i, sends] of of.entries()) {
      expect(stored[i]?.map((row) => row?.id)).to.deep.equal(sends.map(({ id }) => id));
      expect(stored[i]?.map((row) => row?.seq)).to.deep.equal(sends.map((_, at) => at + 1));
      expect(await contentsOf(sends)).to.deep.equal(sends.map(({ content }) => content));
    }
  });

  it('store although Postgres rejects the sends of another lane', async () => {
    const [good, poison, resent] = await runs(['1', '2'], ['po\u0000ison'], ['3']);
    if (!good || !poison || !resent) throw new Error('no sends');
    const [earlier] = await joined.storeSends(resent);
    const [one, two, three] = await Promise.allSettled([good, poison, resent].map((sends) => joined.storeSends(sends)));
    expect(one).to.have.property('status', 'fulfilled');
    expect(two).to.have.nested.property('reason.code', '22021');
    expect(three).to.have.nested.property('value[0].seq', earlier?.seq);
    expect(await contentsOf(good)).to.deep.equal(['1', '2']);
    expect(await contentsOf(poison)).to.deep.equal([]);
    expect(await contentsOf(resent)).to.deep.equal(['3']);
  });

  it('do not wait for a lane whose conversation is locked, and do not join it again', async () => {
    const [locked = [], ...others] = await runs(['1'], ['2'], ['3'], ['4']);
    const [later = []] = others.splice(2);
    const url = new URL(database.url);
    url.searchParams.set('options', '-c lock_timeout=500');
    await using impatient = openDatabase({ url: url.href, poolSize: 4, applicationName: 'test', onError: () => {} });
    const joined = joinCounted(impatient);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: lock, resolve: lockedNow } = Promise.withResolvers<void>();
    const holding = database.db.transaction().execute(async (tx) => {
      await sql`select from conversations where id = ${locked[0]?.conversationId} for update`.execute(tx);
      lockedNow();
      await released;
    });
    await lock;
    try {
      const settled: string[] = [];
      const store = async (sends: SendEntry[]) => {
        const { status } = (await Promise.allSettled([joined.storeSends(sends)]))[0];
        settled.push(`${sends[0]?.content} ${status}`);
      };
      await Promise.all([locked, ...others].map(store));
      expect(settled.slice(0, 2)).to.have.members(['2 fulfilled', '3 fulfilled']);
      expect(settled[2]).to.equal('1 rejected');
      expect(statements).to.deep.equal([3, 1, 1, 1]);

      statements = [];
      const again = store(locked);
      await store(later);
      expect(settled[3]).to.equal('4 fulfilled');
      expect(statements).to.deep.equal([1, 1]);
      release();
      await again;
      expect((await joined.storeSends(locked))[0]?.seq).to.equal(1);
    } finally {
      release();
      await holding;
    }
  });

  it('do not join more sends than the limit of a statement', async () => {
    const many = Array.from({ length: 300 }, (_, i) => String(i));
    const of = await runs(many, many, many);
    await Promise.all(of.map((sends) => joined.storeSends(sends)));
    expect(statements).to.deep.equal([300, 300, 300]);
  });

  it('do not join read marks and transactions', async () => {
    const [sends = []] = await runs(['1']);
    const [row] = await joined.atomically((tx) => tx.storeSends(sends));
    expect(row?.seq).to.equal(1);
    const [{ conversationId, receiverId: userId } = {} as SendEntry] = sends;
    const [marked] = await joined.markRead([{ conversationId, userId, upToSeq: null }]);
    expect(marked).to.include({ upToSeq: 1, advanced: true, unreadCount: 0 });
  });
});
