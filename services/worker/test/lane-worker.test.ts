import { setTimeout as delay } from 'node:timers/promises';
import type { BatchReply, ClientMessageId, Entry, LaneBatch, SendEntry, UserId } from '@chat-cluster/contracts';
import { type MessageStore, newConversationId, newMessageId } from '@chat-cluster/domain';
import { createConversationStore, createDeadLetters, createMessageStore } from '@chat-cluster/postgres';
import { LaneLeft } from '@chat-cluster/queue';
import type { Logger } from '@chat-cluster/runtime';
import { eventually, freshDatabase, newUser } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { register } from 'prom-client';
import { createLaneWorker, type LaneWorkerPorts } from '../src/lanes/lane-worker.ts';

describe('the lane worker', () => {
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

  /** A worker whose ports keep what they are told; `change` puts others in their place. */
  function workerWith(change: Partial<LaneWorkerPorts> = {}) {
    const told: Record<string, unknown[]> = {};
    const note =
      (name: string) =>
      async (...args: unknown[]) => {
        told[name] = [...(told[name] ?? []), args.length > 1 ? args : args[0]];
      };
    const logger = { debug() {}, warn: note('warn'), error: note('error') } as unknown as Logger;
    const notAsked = () => Promise.reject(new Error('not asked for'));
    const work = createLaneWorker({
      store,
      deadLetters: createDeadLetters(database.db),
      fanout: {
        newMessages: (messages) => note('messages')(messages),
        messagesRead: note('receipts'),
        unreadCounts: notAsked,
      },
      recent: { append: note('recent'), range: notAsked },
      reply: note('reply'),
      logger,
      signal: new AbortController().signal,
      ...change,
    });
    return { work, told };
  }

  it('commits the batch, answers its gateway, tells rooms and cache, and says whose badge is to be recounted', async () => {
    const { a, b, id, send, read } = await pair();
    const { work, told } = workerWith();
    const entries = [send('1'), send('2'), read];
    const { told: allTold, badges } = await work(batchOf(...entries));
    await allTold;
    const rows = await database.db.selectFrom('messages').selectAll().where('conversation_id', '=', id).execute();
    expect(rows).to.have.length(2);
    const [[replyTo, { batchId, results }]] = told.reply as [[string, BatchReply]];
    expect([replyTo, batchId]).to.deep.equal(['chat:reply:one', 'batch']);
    expect(results.map(({ kind }) => kind)).to.deep.equal(['stored', 'stored', 'read']);
    const [messages] = told.messages as [{ seq: number; content: string }[]];
    expect(messages.map(({ seq, content }) => [seq, content])).to.deep.equal([
      [1, '1'],
      [2, '2'],
    ]);
    expect(told.recent).to.deep.equal([messages]);
    expect(told.receipts).to.have.nested.property('[0][0].receipt.upToSeq', 2);
    expect(told.receipts).to.have.deep.nested.property('[0][0].to', [b, a]);
    expect(badges).to.deep.equal(Array(3).fill({ userId: b, conversationId: id }));
  });

  it('passes on the traces of messages though it has none of its own', async () => {
    const { send } = await pair();
    const traces: unknown[] = [];
    const { work } = workerWith({
      fanout: {
        newMessages: async (_messages, given) => void traces.push(given),
        messagesRead: async () => {},
        unreadCounts: async () => {},
      },
    });
    const trace = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const [traced, untraced] = [{ ...send('1'), trace }, send('2')];
    await (await work(batchOf(untraced, traced))).told;
    expect(traces).to.deep.equal([new Map([[traced.id, trace]])]);
  });

  it('stores batches of several gateways in one run, and answers each its own', async () => {
    const { id, send } = await pair();
    const { work, told } = workerWith();
    const from = (gateway: string, ...entries: Entry[]) => ({
      ...batchOf(...entries),
      batchId: gateway,
      replyTo: gateway,
    });
    const again = send('2');
    await work(from('one', send('1')), undefined, [
      from('two', again, send('3')),
      from('three', { ...send('2'), clientMessageId: again.clientMessageId }),
    ]);
    const answers = (told.reply as [string, BatchReply][]).map(([to, { batchId, results }]) => [
      to,
      batchId,
      results.map((result) => (result.kind === 'stored' ? result.seq : result.kind)),
    ]);
    expect(answers).to.deep.equal([
      ['one', 'one', [1]],
      ['two', 'two', [2, 3]],
      ['three', 'three', ['duplicate']],
    ]);
    expect((told.messages as unknown[][])[0]).to.have.length(3);
    const rows = await database.db.selectFrom('messages').selectAll().where('conversation_id', '=', id).execute();
    expect(rows).to.have.length(3);
  });

  async function cacheErrors(): Promise<number> {
    const { values = [] } = (await register.getSingleMetric('chat_cache_errors_total')?.get()) ?? {};
    return values[0]?.value ?? 0;
  }

  it('tells it all again when the batch runs again', async () => {
    const { send, read } = await pair();
    const { work, told } = workerWith();
    const batch = batchOf(send('1'), read);
    const first = await work(batch);
    const second = await work(batch);
    expect(second.badges).to.deep.equal(first.badges);
    for (const name of ['reply', 'messages', 'recent']) {
      expect(told[name]?.[1], name).to.deep.equal(told[name]?.[0]);
    }
  });

  for (const slow of ['fanout', 'reply'] as const) {
    it(`has not told before ${slow} has`, async () => {
      const { send } = await pair();
      let finish = () => {};
      const finished = new Promise<void>((resolve) => {
        finish = resolve;
      });
      let asked = false;
      const wait = () => {
        asked = true;
        return finished;
      };
      const changes: Partial<LaneWorkerPorts> = {
        fanout: { newMessages: wait, messagesRead: wait, unreadCounts: wait },
        reply: wait,
      };
      const { work } = workerWith({ [slow]: changes[slow] });
      let done = false;
      const outcome = await work(batchOf(send('1')));
      const told = outcome.told.then(() => {
        done = true;
      });
      await eventually(() => expect(asked).to.equal(true));
      await delay(20);
      expect(done).to.equal(false);
      finish();
      await told;
    });
  }

  it('is done although its reply was lost or the cache failed: others make up for both', async () => {
    const { send } = await pair();
    const fail = () => Promise.reject(new Error('redis is away'));
    const { work, told } = workerWith({ reply: fail, recent: { append: fail, range: fail } });
    const before = await cacheErrors();
    await (await work(batchOf(send('1')))).told;
    expect(await cacheErrors()).to.equal(before + 1);
    expect(told.warn).to.deep.equal([[{ reason: 'redis is away' }, 'lane: a reply was lost']]);
    expect(told.messages).to.have.length(1);
  });

  it('does not store what another worker has the lane for by now', async () => {
    const { send, id } = await pair();
    const { work, told } = workerWith();
    const fault = await work(batchOf(send('1')), { held: async () => false }).catch((error: unknown) => error);
    expect(fault).to.be.instanceOf(LaneLeft);
    expect(
      await database.db.selectFrom('messages').selectAll().where('conversation_id', '=', id).execute(),
    ).to.have.length(0);
    expect(told).to.not.have.any.keys('reply', 'messages');
  });

  it('refuses a batch of a version that it does not know', async () => {
    const { send } = await pair();
    const batch = { ...batchOf(send('1')), v: 7 } as unknown as LaneBatch;
    const fault = await workerWith()
      .work(batch)
      .catch((error: Error) => error.message);
    expect(fault).to.equal('no batch of a version known here');
  });

  it('answers a poison entry with a rejection', async () => {
    const { send } = await pair();
    const { work, told } = workerWith();
    await work(batchOf(send('1'), send('\u0000')));
    const [[, { results }]] = told.reply as [[string, BatchReply]];
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
    const { work, told } = workerWith({ store: { ...store, storeSends: away }, signal: stop.signal });
    const job = work(batchOf(send('1'))).catch((error: unknown) => error);
    await eventually(() => expect(faults).to.be.at.least(1));
    stop.abort();
    expect(await job).to.be.instanceOf(LaneLeft);
    expect(told).to.not.have.any.keys('error');
  });
});
