import { setTimeout as delay } from 'node:timers/promises';
import type { BatchReply, ClientMessageId, Entry, LaneBatch, SendEntry, UserId } from '@chat-cluster/contracts';
import { type MessageStore, newConversationId, newMessageId } from '@chat-cluster/domain';
import {
  createConversationStore,
  createConversationWrites,
  createDeadLetters,
  createMessageStore,
} from '@chat-cluster/postgres';
import { type LaneHold, LaneLeft } from '@chat-cluster/queue';
import type { Logger } from '@chat-cluster/runtime';
import { eventually, freshDatabase, GROUP_RULES, newUser } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { register } from 'prom-client';
import { createInboxProcessor, type InboxPorts } from '../src/lanes/inbox-processor.ts';

const HELD: LaneHold = { held: async () => true };

describe('the inbox processor', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let store: MessageStore;

  before(async () => {
    database = await freshDatabase();
    store = createMessageStore(database.db);
  });
  after(() => database.drop());

  async function pair() {
    const [a, b] = [newUser('a'), newUser('b')] as [UserId, UserId];
    const { conversation } = await createConversationStore(database.db).open(newConversationId(), a, b);
    const send = (content: string): SendEntry => {
      const id = newMessageId();
      const clientMessageId = id as string as ClientMessageId;
      const { id: conversationId } = conversation;
      return {
        kind: 'send',
        id,
        conversationId,
        senderId: a,
        receiverId: b,
        clientMessageId,
        content,
        attachments: [],
      };
    };
    const read: Entry = {
      kind: 'read',
      conversationId: conversation.id,
      userId: b,
      otherUserId: a,
      upToSeq: null,
    };
    return { a, b, id: conversation.id, send, read };
  }

  function batchOf(...entries: Entry[]): LaneBatch {
    return { v: 1, batchId: 'batch', replyTo: 'chat:reply:one', acceptedAt: Date.now() - 5_000, entries };
  }

  /** A processor whose ports record their calls; `change` replaces some of them. */
  function processorWith(change: Partial<InboxPorts> = {}) {
    const calls: Record<string, unknown[]> = {};
    const record =
      (name: string) =>
      async (...args: unknown[]) => {
        calls[name] = [...(calls[name] ?? []), args.length > 1 ? args : args[0]];
      };
    const logger = { debug() {}, warn: record('warn'), error: record('error') } as unknown as Logger;
    const unexpected = () => Promise.reject(new Error('unexpected call'));
    const processor = createInboxProcessor({
      store,
      writes: createConversationWrites(database.db, GROUP_RULES),
      deadLetters: createDeadLetters(database.db),
      fanout: {
        newMessages: (messages) => record('messages')(messages),
        messagesRead: record('receipts'),
        conversationEvents: record('events'),
        unreadCounts: unexpected,
      },
      recent: { append: record('recent'), drop: record('dropped'), range: unexpected },
      reply: record('reply'),
      logger,
      signal: new AbortController().signal,
      ...change,
    });
    const process = (batch: LaneBatch, behind: LaneBatch[] = [], hold = HELD) => processor.process(batch, hold, behind);
    return { process, calls, problemOf: processor.problemOf };
  }

  it('commits a batch, replies to its gateway, publishes and caches it, returns the badges to recount', async () => {
    const { a, b, id, send, read } = await pair();
    const { process, calls } = processorWith();
    const entries = [send('1'), send('2'), read];
    const { published, badges } = await process(batchOf(...entries));
    await published;
    const rows = await database.db.selectFrom('messages').selectAll().where('conversation_id', '=', id).execute();
    expect(rows).to.have.length(2);
    const [[replyTo, { batchId, results }]] = calls.reply as [[string, BatchReply]];
    expect([replyTo, batchId]).to.deep.equal(['chat:reply:one', 'batch']);
    expect(results.map(({ kind }) => kind)).to.deep.equal(['stored', 'stored', 'read']);
    const [messages] = calls.messages as [{ seq: number; content: string }[]];
    expect(messages.map(({ seq, content }) => [seq, content])).to.deep.equal([
      [1, '1'],
      [2, '2'],
    ]);
    expect(calls.recent).to.deep.equal([messages]);
    expect(calls.receipts).to.have.nested.property('[0][0].receipt.upToSeq', 2);
    expect(calls.receipts).to.have.deep.nested.property('[0][0].to', [b, a]);
    expect(badges).to.deep.equal(Array(3).fill({ userId: b, conversationId: id }));
  });

  it('passes on the traces of messages although the run is not traced', async () => {
    const { send } = await pair();
    const traces: unknown[] = [];
    const { process } = processorWith({
      fanout: {
        newMessages: async (_messages, given) => void traces.push(given),
        messagesRead: async () => {},
        conversationEvents: async () => {},
        unreadCounts: async () => {},
      },
    });
    const trace = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const [traced, untraced] = [{ ...send('1'), trace }, send('2')];
    await (await process(batchOf(untraced, traced))).published;
    expect(traces).to.deep.equal([new Map([[traced.id, trace]])]);
  });

  it('stores batches of several gateways in one run, and replies to each', async () => {
    const { id, send } = await pair();
    const { process, calls } = processorWith();
    const from = (gateway: string, ...entries: Entry[]) => ({
      ...batchOf(...entries),
      batchId: gateway,
      replyTo: gateway,
    });
    const again = send('2');
    await process(from('one', send('1')), [
      from('two', again, send('3')),
      from('three', { ...send('2'), clientMessageId: again.clientMessageId }),
    ]);
    const replies = (calls.reply as [string, BatchReply][]).map(([to, { batchId, results }]) => [
      to,
      batchId,
      results.map((result) => (result.kind === 'stored' ? result.seq : result.kind)),
    ]);
    expect(replies).to.deep.equal([
      ['one', 'one', [1]],
      ['two', 'two', [2, 3]],
      ['three', 'three', ['duplicate']],
    ]);
    expect((calls.messages as unknown[][])[0]).to.have.length(3);
    const rows = await database.db.selectFrom('messages').selectAll().where('conversation_id', '=', id).execute();
    expect(rows).to.have.length(3);
  });

  async function cacheErrors(): Promise<number> {
    const { values = [] } = (await register.getSingleMetric('chat_cache_errors_total')?.get()) ?? {};
    return values[0]?.value ?? 0;
  }

  it('publishes everything again when the batch runs again', async () => {
    const { send, read } = await pair();
    const { process, calls } = processorWith();
    const batch = batchOf(send('1'), read);
    const first = await process(batch);
    const second = await process(batch, [], { ...HELD, mayRepeat: true });
    expect(second.badges).to.deep.equal(first.badges);
    for (const name of ['reply', 'messages', 'receipts', 'recent']) {
      expect(calls[name]?.[1], name).to.deep.equal(calls[name]?.[0]);
    }
  });

  for (const slow of ['fanout', 'reply'] as const) {
    it(`is not published before ${slow} has finished`, async () => {
      const { send } = await pair();
      let finish = () => {};
      const finished = new Promise<void>((resolve) => {
        finish = resolve;
      });
      let called = false;
      const wait = () => {
        called = true;
        return finished;
      };
      const changes: Partial<InboxPorts> = {
        fanout: { newMessages: wait, messagesRead: wait, conversationEvents: wait, unreadCounts: wait },
        reply: wait,
      };
      const { process } = processorWith({ [slow]: changes[slow] });
      let done = false;
      const outcome = await process(batchOf(send('1')));
      const published = outcome.published.then(() => {
        done = true;
      });
      await eventually(() => expect(called).to.equal(true));
      await delay(20);
      expect(done).to.equal(false);
      finish();
      await published;
    });
  }

  it('is published although the reply was lost and the cache failed', async () => {
    const { send } = await pair();
    const fail = () => Promise.reject(new Error('redis is away'));
    const { process, calls } = processorWith({ reply: fail, recent: { append: fail, drop: fail, range: fail } });
    const before = await cacheErrors();
    await (await process(batchOf(send('1')))).published;
    expect(await cacheErrors()).to.equal(before + 1);
    expect(calls.warn).to.deep.equal([[{ reason: 'redis is away' }, 'lane: a reply was lost']]);
    expect(calls.messages).to.have.length(1);
  });

  it('is stored and replied to although everything after the commit fails at once, and its time is not a number', async () => {
    const { send, id } = await pair();
    const fail = () => {
      throw new TypeError('a bug');
    };
    const { process, calls } = processorWith({
      fanout: { newMessages: fail, messagesRead: fail, conversationEvents: fail, unreadCounts: fail },
      recent: { append: fail, drop: fail, range: fail },
    });
    const batch = { ...batchOf(send('1')), acceptedAt: 'yesterday' } as unknown as LaneBatch;
    const { published, badges } = await process(batch);
    await published;
    expect(badges).to.have.length(1);
    const [[, { results }]] = calls.reply as [[string, BatchReply]];
    expect(results.map(({ kind }) => kind)).to.deep.equal(['stored']);
    const rows = await database.db.selectFrom('messages').select('seq').where('conversation_id', '=', id).execute();
    expect(rows).to.have.length(1);
    expect(await createDeadLetters(database.db).count(10)).to.equal(0);
  });

  it('does not store a batch after it lost the lane to another worker', async () => {
    const { send, id } = await pair();
    const { process, calls } = processorWith();
    const fault = await process(batchOf(send('1')), [], { held: async () => false }).catch((error: unknown) => error);
    expect(fault).to.be.instanceOf(LaneLeft);
    expect(
      await database.db.selectFrom('messages').selectAll().where('conversation_id', '=', id).execute(),
    ).to.have.length(0);
    expect(calls).to.not.have.any.keys('reply', 'messages');
  });

  it('caches no messages when it lost the lane after the commit: their next worker may have deleted some', async () => {
    const { send } = await pair();
    const { process, calls } = processorWith();
    const answers = [true, false];
    await (await process(batchOf(send('1')), [], { held: async () => answers.shift() ?? false })).published;
    expect(answers).to.deep.equal([]);
    expect(calls.messages).to.have.length(1);
    expect(calls).to.not.have.any.keys('recent');
  });

  it('drops changed conversations from the cache at once, and does not cache their messages', async () => {
    const { a, id, send } = await pair();
    const other = await pair();
    const { process, calls } = processorWith();
    const remove = (seq: number): Entry => {
      return { kind: 'message_change', conversationId: id, by: a, seq, change: { type: 'delete' } };
    };
    await process(batchOf(send('1')));
    // Redis answers before the commit, and not after it.
    const answers = [Promise.resolve(true), new Promise<boolean>(() => {})];
    const hold = { held: () => answers.shift() ?? expect.fail('a third question') };
    await process(batchOf(remove(1), send('2')), [], hold);
    expect(calls.dropped).to.deep.equal([[id]]);
    await (await process(batchOf(send('3'), remove(3), other.send('1')))).published;
    const cached = calls.recent as { conversationId: string; content: string }[][];
    expect(cached.map((all) => all.map(({ conversationId, content }) => [conversationId, content]))).to.deep.equal([
      [[id, '1']],
      [[other.id, '1']],
    ]);
  });

  it('rejects a batch of an unknown version', async () => {
    const { send } = await pair();
    const batch = { ...batchOf(send('1')), v: 7 } as unknown as LaneBatch;
    expect(processorWith().problemOf(batch)).to.equal('unknown version of a batch');
  });

  it('replies to a poison entry with a rejection', async () => {
    const { send } = await pair();
    const { process, calls } = processorWith();
    await process(batchOf(send('1'), send('\u0000')));
    const [[, { results }]] = calls.reply as [[string, BatchReply]];
    expect(results.map(({ kind }) => kind)).to.deep.equal(['stored', 'rejected']);
  });

  it('leaves the batch to another worker when the process stops while Postgres is away', async () => {
    const { send } = await pair();
    const stop = new AbortController();
    let faults = 0;
    const away = () => {
      faults++;
      return Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
    };
    const { process, calls } = processorWith({ store: { ...store, storeSends: away }, signal: stop.signal });
    const run = process(batchOf(send('1'))).catch((error: unknown) => error);
    await eventually(() => expect(faults).to.be.at.least(1));
    stop.abort();
    expect(await run).to.be.instanceOf(LaneLeft);
    expect(calls).to.not.have.any.keys('error');
  });
});
