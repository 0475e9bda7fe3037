import type { ConversationId, SendEntry, UserId } from '@chat-cluster/contracts';
import {
  type ConversationWrites,
  type DeadLetters,
  type MessageStore,
  newConversationId,
  newMessageId,
} from '@chat-cluster/domain';
import { createConversationWrites, createDeadLetters, createMessageStore, openDatabase } from '@chat-cluster/postgres';
import { createLogger, type Logger } from '@chat-cluster/runtime';
import { eventually, freshDatabase, GROUP_RULES, startFaultProxy } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';
import { storeInPlace } from '../src/lanes/store-in-place.ts';
import { newSends } from './new-sends.ts';

describe('storing in place', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let store: MessageStore;
  let writes: ConversationWrites;
  let deadLetters: DeadLetters;
  const logger = createLogger({ name: 'test', level: 'silent', format: 'json' });
  const hold = { held: async () => true };
  const forever = new AbortController().signal;

  before(async () => {
    database = await freshDatabase();
    store = createMessageStore(database.db);
    writes = createConversationWrites(database.db, GROUP_RULES);
    deadLetters = createDeadLetters(database.db);
  });
  after(() => database.drop());

  const sends = (...contents: string[]) => newSends(database.db, ...contents);

  it('rejects only the poison entry; its neighbours are stored in order', async () => {
    const batch = await sends('1', '2', 'po\u0000ison', '3', '4', 'po\u0000ison too', '5');
    const outcome = await storeInPlace({ hold, store, writes, deadLetters, logger, signal: forever }, batch);
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
    const [first, second] = [batch[2], batch[5]];
    const letters = (await deadLetters.newest(10)).reverse();
    const { at: _, ...letter } = letters[0] ?? {};
    expect(letter).to.deep.equal({
      id: first?.id,
      source: 'store',
      reason: '22021: invalid byte sequence for encoding "UTF8": 0x00',
      attempts: 1,
      entry: JSON.stringify(first),
    });
    expect(letters.map(({ id }) => id)).to.deep.equal([first?.id, second?.id]);
  });

  it('keeps one letter when the batch runs again, and continues when a letter cannot be kept', async () => {
    const [poison, read] = await sends('\u0000', 'read');
    if (!poison || !read) throw new Error('no entries');
    const { conversationId, receiverId: userId, senderId: otherUserId } = read;
    // Twice in one batch, and poison: a mark of this size is no bigint.
    const mark = { kind: 'read' as const, conversationId, userId, otherUserId, upToSeq: 1e30 };
    const batch = [poison, mark, mark];
    for (let run = 1; run <= 2; run++)
      await storeInPlace({ hold, store, writes, deadLetters, logger, signal: forever }, batch);
    const letters = await deadLetters.newest(2);
    expect(letters.map(({ entry, attempts }) => [JSON.parse(entry), attempts])).to.have.deep.members([
      [poison, 2],
      [mark, 4],
    ]);

    let left = 2;
    const failing: DeadLetters = {
      ...deadLetters,
      async keep(these) {
        const passes = left-- > 1;
        if (passes) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
        throw new Error(`this is a bug (${these.length})`);
      },
    };
    const logged: unknown[] = [];
    const listening = { ...logger, error: (...line: unknown[]) => logged.push(line), warn() {} } as unknown as Logger;
    const deps = { hold, store, writes, deadLetters: failing, logger: listening, signal: forever };
    const outcome = await storeInPlace(deps, await sends('\u0000', 'fine'));
    expect(outcome.results.map((result) => result.kind)).to.deep.equal(['rejected', 'stored']);
    expect(left).to.equal(0);
    expect(JSON.stringify(logged)).to.include('could not be kept').and.to.include('this is a bug (1)');
  });

  it('stores nothing of a batch of poison entries, and rejects each of them', async () => {
    const batch = await sends('\u0000', '\u0000', '\u0000');
    const outcome = await storeInPlace({ hold, store, writes, deadLetters, logger, signal: forever }, batch);
    expect(outcome.results.map((result) => result.kind)).to.deep.equal(['rejected', 'rejected', 'rejected']);
    expect([outcome.messages, outcome.receipts, outcome.badges]).to.deep.equal([[], [], []]);
    expect(await stored(batch)).to.deep.equal([]);
  });

  it('keeps the order of reads and resends around a poison entry', async () => {
    const [one, poison, two, three] = await sends('1', '\u0000', '2', '3');
    if (!one || !poison || !two || !three) throw new Error('no entries');
    const { conversationId, senderId, receiverId } = one;
    const read = { kind: 'read' as const, conversationId, userId: receiverId, otherUserId: senderId, upToSeq: null };
    const resend = { ...three, id: newMessageId(), clientMessageId: one.clientMessageId };
    const outcome = await storeInPlace({ hold, store, writes, deadLetters, logger, signal: forever }, [
      one,
      poison,
      two,
      read,
      three,
      resend,
    ]);
    expect(outcome.results.map((result) => result.kind)).to.deep.equal([
      'stored',
      'rejected',
      'stored',
      'read',
      'stored',
      'duplicate',
    ]);
    expect(outcome.results[3]).to.include({ upToSeq: 2 });
    expect(outcome.receipts.map(({ receipt }) => receipt.upToSeq)).to.deep.equal([2]);
    expect(await stored([one])).to.deep.equal(['1', '2', '3']);
  });

  it('reports the read marks that a run has stored before it meets a poison entry of a group', async () => {
    const [one] = await sends('1');
    if (!one) throw new Error('no entry');
    const { conversationId, senderId, receiverId, clientMessageId, attachments } = one;
    const [first, second] = [newConversationId(), newConversationId()];
    const created = { type: 'create' as const, title: 'Lunch', userIds: [receiverId] };
    const groups = [first, second].map((id) => ({
      ...{ kind: 'group_change' as const, id: newMessageId(), conversationId: id, by: senderId, changeId: 'c' },
      change: created,
    }));
    const sentTo = (id: ConversationId, content: string) => ({
      ...{ kind: 'group_send' as const, id: newMessageId(), conversationId: id, senderId, clientMessageId },
      ...{ content, attachments },
    });
    const deps = { hold, store, writes, deadLetters, logger, signal: forever };
    await storeInPlace(deps, [...groups, sentTo(first, 'one')]);
    const outcome = await storeInPlace(deps, [
      one,
      { kind: 'read', conversationId, userId: receiverId, otherUserId: senderId, upToSeq: null },
      { kind: 'group_read', conversationId: first, userId: receiverId, upToSeq: null },
      sentTo(second, 'po\u0000ison'),
    ]);
    expect(outcome.results.map(({ kind }) => kind)).to.deep.equal(['stored', 'read', 'read', 'rejected']);
    expect(outcome.receipts.map(({ receipt }) => receipt.upToSeq)).to.deep.equal([1]);
    expect(outcome.events.map(({ type }) => type)).to.deep.equal(['read']);
  });

  it('logs the reason and the conversation of a poison entry, but not its text', async () => {
    const logged: object[] = [];
    const listening = {
      ...logger,
      error: (fields: object) => logged.push(fields),
      warn: () => {},
    } as unknown as Logger;
    const [entry, other] = await sends('a secret \u0000 text', 'another secret');
    if (!entry || !other) throw new Error('no entries');
    // The second violates a constraint. Its error has the whole row in `detail`, which the logger masks.
    const withoutSender = (send: SendEntry) =>
      send === other ? { ...send, senderId: null as unknown as UserId } : send;
    const violating: MessageStore = { ...store, storeSends: (all) => store.storeSends(all.map(withoutSender)) };
    const ports = { hold, store: violating, writes, deadLetters, logger: listening, signal: forever };
    await storeInPlace(ports, [entry, other]);
    expect(logged).to.have.length(2);
    // Like pino's serializer: all own properties of the error.
    const text = logged.map((fields) => JSON.stringify(Object.entries(fields).map(everything))).join();
    expect(text).to.include(entry.conversationId);
    expect(text).to.include('22021');
    expect(text).to.not.include('secret');
    const reasons = (await deadLetters.newest(2)).map(({ reason }) => reason);
    expect(reasons.join()).to.include('23502').and.to.not.include('secret');
  });

  it('repeats after every class of transient fault', async () => {
    const codes = ['40001', '40P01', '53100', '53300', '57014', '57P01', '57P03', '58030', '55P03', '25006', '42501'];
    const batch = await sends('patient');
    const left = [...codes];
    const failing: MessageStore = {
      ...store,
      async storeSends(entries) {
        const code = left.shift();
        if (code) {
          await sql.raw(`do $$ begin raise exception 'made up' using errcode = '${code}'; end $$`).execute(database.db);
        }
        return store.storeSends(entries);
      },
    };
    const random = Math.random;
    // No back-off: another test covers it.
    Math.random = () => 0;
    try {
      const outcome = await storeInPlace({ hold, store: failing, writes, deadLetters, logger, signal: forever }, batch);
      expect(left).to.deep.equal([]);
      expect(outcome.results.map((result) => result.kind)).to.deep.equal(['stored']);
    } finally {
      Math.random = random;
    }
  });

  it('waits for a lock that is held longer than the time limit of a statement', async () => {
    const batch = await sends('patient');
    const url = new URL(database.url);
    url.searchParams.set('options', '-c lock_timeout=100');
    await using impatient = openDatabase({ url: url.href, poolSize: 1, applicationName: 'test', onError: () => {} });
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    let faults = 0;
    const watching = watched(createMessageStore(impatient), () => ++faults === 2 && release());
    const { promise: lock, resolve: locked } = Promise.withResolvers<void>();
    const holding = database.db.transaction().execute(async (tx) => {
      await sql`lock table messages in exclusive mode`.execute(tx);
      locked();
      await released;
    });
    await lock;
    const [outcome] = await Promise.all([
      storeInPlace({ hold, store: watching, writes, deadLetters, logger, signal: forever }, batch),
      holding,
    ]);
    expect(faults).to.be.at.least(2);
    expect(outcome.results.map((result) => result.kind)).to.deep.equal(['stored']);
  });

  it('continues after its connections were cut', async () => {
    const batch = await sends('1', '2');
    let cuts = 0;
    const cutting: MessageStore = {
      ...store,
      storeSends: async (entries) => {
        if (cuts++ < 3) await sql`select pg_terminate_backend(pg_backend_pid())`.execute(database.db);
        return store.storeSends(entries);
      },
    };
    const outcome = await storeInPlace({ hold, store: cutting, writes, deadLetters, logger, signal: forever }, batch);
    // One more for each cut that the pool had not noticed when it handed the connection out.
    expect(cuts).to.be.within(4, 7);
    expect(outcome.messages.map((message) => message.seq)).to.deep.equal([1, 2]);
  });

  it('waits for a schema that is not migrated yet', async () => {
    const batch = await sends('early');
    await sql`alter table messages rename to messages_later`.execute(database.db);
    let faults = 0;
    const waiting = watched(store, () => {
      if (++faults === 2) void sql`alter table messages_later rename to messages`.execute(database.db);
    });
    const outcome = await storeInPlace({ hold, store: waiting, writes, deadLetters, logger, signal: forever }, batch);
    expect(outcome.results.map((result) => result.kind)).to.deep.equal(['stored']);
  });

  it('reports a stored entry whose result cannot be read as UNAVAILABLE; a resend finds it', async () => {
    const batch = await sends('1', '2', '3');
    const unreadable = batch[1]?.id;
    // As a setting does that changes the form of timestamps: the statement has committed.
    const misread = (rows: Awaited<ReturnType<MessageStore['storeSends']>>) =>
      rows.map((row) => (row?.id === unreadable ? { ...row, createdAt: null as unknown as Date } : row));
    const misreading: MessageStore = {
      ...store,
      storeSends: async (entries) => misread(await store.storeSends(entries)) as never,
    };
    const before = await deadLetters.count(100);
    const outcome = await storeInPlace(
      { hold, store: misreading, writes, deadLetters, logger, signal: forever },
      batch,
    );
    expect(outcome.results.map((one) => (one.kind === 'rejected' ? one.error.code : one.kind))).to.deep.equal([
      'stored',
      'UNAVAILABLE',
      'stored',
    ]);
    expect(await deadLetters.count(100)).to.equal(before);
    expect(await stored(batch)).to.deep.equal(['1', '2', '3']);
    const again = batch.map((entry) => ({ ...entry, id: newMessageId() }));
    const resent = await storeInPlace({ hold, store, writes, deadLetters, logger, signal: forever }, again);
    expect(resent.results.map((one) => one.kind)).to.deep.equal(['duplicate', 'duplicate', 'duplicate']);
  });

  it('finds what it stored when the connection breaks between the commit and its response', async () => {
    const batch = await sends('once');
    const url = new URL(database.url);
    await using link = await startFaultProxy({ upstreams: [Number(url.port)] });
    url.port = String(link.port);
    await using db = openDatabase({ url: url.href, poolSize: 1, applicationName: 'test', onError: () => {} });
    await sql`select 1`.execute(db);
    link.set({ kind: 'blackhole' }, 'toClient');
    const ports = { hold, store: createMessageStore(db), writes, deadLetters, logger, signal: forever };
    const storing = storeInPlace(ports, batch);
    await eventually(async () => expect(await stored(batch)).to.deep.equal(['once']));
    link.set({ kind: 'reset' });
    link.set({ kind: 'pass' });
    const outcome = await storing;
    expect(outcome.results.map(({ kind }) => kind)).to.deep.equal(['stored']);
    expect(outcome.messages.map(({ seq }) => seq)).to.deep.equal([1]);
    expect(await stored(batch)).to.deep.equal(['once']);
  });

  it('stops repeating only when the signal aborts', async () => {
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
    const error = await storeInPlace(
      { hold, store: broken, writes, deadLetters, logger, signal: stop.signal },
      batch,
    ).catch((reason: Error) => reason);
    expect(error).to.be.instanceOf(Error);
    expect(faults).to.equal(3);
  });

  async function stored([entry]: SendEntry[]): Promise<(string | null)[]> {
    const query = database.db.selectFrom('messages').select('content').orderBy('seq');
    const rows = await query.where('conversation_id', '=', entry?.conversationId ?? newConversationId()).execute();
    return rows.map((row) => row.content);
  }

  /** The store; calls `onFault` at each of its faults. */
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

function everything([name, value]: [string, unknown]): unknown {
  if (!(value instanceof Error)) return [name, value];
  return [name, value.message, value.stack, { ...value, detail: undefined }];
}
