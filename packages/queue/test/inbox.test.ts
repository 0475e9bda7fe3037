import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Rejection } from '@chat-cluster/contracts';
import { startRedis, toolsFolder } from '@chat-cluster/local-cluster';
import { givenUpOf, inboxLane, laneNumberOf, sendReply, streamOf } from '@chat-cluster/queue';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { type Bench, contentsOf, echo, newBench, sends } from './bench.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i));
const codeOf = async (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof Rejection ? error.payload.code : String(error)),
  );

describe('inbox and lane', () => {
  let bench: Bench;

  beforeEach(async () => {
    bench = await newBench();
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  it('resolves each entry with its own result', async () => {
    const inbox = await bench.inbox();
    await bench.consumer(async ({ entries }) => entries.map(echo));
    const entries = sends(numbers(250));
    const results = await Promise.all(entries.map((entry) => inbox.submit(entry)));
    expect(results).to.deep.equal(entries.map(echo));
  });

  it('appends an entry unchanged, without a trace', async () => {
    const inbox = await bench.inbox();
    const [entry, ...none] = sends(['a']);
    if (!entry || none.length > 0) throw new Error('one entry');
    const submitted = inbox.submit(entry);
    const client = await bench.connect('produce');
    const [item] = await eventually(async () => {
      const items = (await client.xRange(streamOf(inboxLane(0)), '-', '+')) ?? [];
      expect(items).to.have.length(1);
      return items;
    });
    const batch = JSON.parse(item?.message.d ?? '') as object;
    expect(batch).to.have.all.keys('v', 'batchId', 'replyTo', 'acceptedAt', 'entries');
    expect(batch).to.have.deep.property('entries', [entry]);
    await bench.consumer(async ({ entries }) => entries.map(echo));
    await submitted;
  });

  it('sends entries that arrive together in one batch, and the next batch after the reply', async () => {
    const inbox = await bench.inbox();
    const batches: string[][] = [];
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    await bench.consumer(async (batch) => {
      batches.push(contentsOf(batch));
      await released;
      return batch.entries.map(echo);
    });
    const first = sends(['a', 'b', 'c']).map((entry) => inbox.submit(entry));
    await eventually(() => expect(batches).to.deep.equal([['a', 'b', 'c']]));
    const second: Promise<unknown>[] = [];
    for (const entry of sends(['d', 'e', 'f'])) {
      second.push(inbox.submit(entry));
      await delay(1);
    }
    release();
    await Promise.all([...first, ...second]);
    expect(batches).to.deep.equal([
      ['a', 'b', 'c'],
      ['d', 'e', 'f'],
    ]);
  });

  for (const maxInFlight of [1, 2]) {
    it(`keeps the order of a conversation, with ${maxInFlight} in flight and two workers on the lane`, async () => {
      const inbox = await bench.inbox({ maxInFlight });
      const seen: string[] = [];
      const work = async (batch: Parameters<typeof contentsOf>[0]) => {
        seen.push(...contentsOf(batch));
        await delay(1);
        return batch.entries.map(echo);
      };
      await bench.consumer(work);
      await bench.consumer(work);
      const entries = sends(numbers(600));
      const results: Promise<unknown>[] = [];
      for (const [i, entry] of entries.entries()) {
        results.push(inbox.submit(entry));
        if (i % 20 === 0) await delay(0);
      }
      await Promise.all(results);
      expect(seen).to.deep.equal(numbers(600));
    });
  }

  it('processes one batch of a lane at a time, for any number of gateways and workers', async () => {
    const inboxes = [await bench.inbox(), await bench.inbox({ maxInFlight: 2 })];
    const ran = { now: 0, most: 0, batches: 0 };
    for (let worker = 0; worker < 3; worker++) {
      await bench.consumer(async (batch) => {
        ran.batches++;
        ran.most = Math.max(ran.most, ++ran.now);
        await delay(2);
        ran.now--;
        return batch.entries.map(echo);
      });
    }
    const rounds = inboxes.map(async (inbox) => {
      for (let round = 0; round < 40; round++) await Promise.all(sends(['x', 'y']).map((entry) => inbox.submit(entry)));
    });
    await Promise.all(rounds);
    expect(ran.most).to.equal(1);
    expect(ran.batches).to.be.at.least(40);
  });

  it('processes different lanes at the same time', async () => {
    const inbox = await bench.inbox({ lanes: 2 });
    const inProgress = new Set<number>();
    for (const laneNumber of [0, 1]) {
      await bench.consumer(async (batch) => {
        inProgress.add(laneNumber);
        await eventually(() => expect(inProgress.size).to.equal(2));
        return batch.entries.map(echo);
      }, laneNumber);
    }
    const entries = numbers(40).flatMap((content) => sends([content]));
    expect(new Set(entries.map((entry) => laneNumberOf(entry.conversationId, 2)))).to.have.property('size', 2);
    await Promise.all(entries.map((entry) => inbox.submit(entry)));
  });

  it('splits batches at 200 entries and at 512 Ki characters', async () => {
    const inbox = await bench.inbox();
    const sizes: number[] = [];
    await bench.consumer(async ({ entries }) => {
      sizes.push(entries.length);
      return entries.map(echo);
    });
    await Promise.all(sends(numbers(450)).map((entry) => inbox.submit(entry)));
    expect(sizes.splice(0)).to.deep.equal([200, 200, 50]);
    // 52 of these are more than 512 * 1024 characters.
    await Promise.all(sends(Array(60).fill('x'.repeat(10_000))).map((entry) => inbox.submit(entry)));
    expect(sizes).to.deep.equal([51, 9]);
  });

  it('rejects with TIMEOUT when a reply is lost, and resolves the entries after it', async () => {
    const inbox = await bench.inbox({ replyDeadlineMs: 500 });
    const { promise: timedOut, resolve: continueWork } = Promise.withResolvers<void>();
    let batches = 0;
    const { publisher } = await bench.pubsub();
    await bench.consumer(async (batch) => {
      if (++batches > 1) return batch.entries.map(echo);
      // A reply to another batch and an unreadable reply do not resolve this one.
      await sendReply(publisher, batch.replyTo, { v: 1, batchId: 'another', results: batch.entries.map(echo) });
      await publisher.publish(batch.replyTo, 'noise');
      await timedOut;
      return batch.entries.map(echo);
    });
    const [first, second] = sends(['lost', 'answered']);
    if (!first || !second) throw new Error('no entries');
    const error = await inbox.submit(first).catch((reason: unknown) => reason);
    expect(error).to.have.deep.property('payload', new Rejection('TIMEOUT', { retryAfterMs: 1_000 }).payload);
    continueWork();
    expect(await inbox.submit(second)).to.deep.equal(echo(second));
    expect(bench.lines.map(({ text }) => text)).to.include('dropped an unreadable reply');
  });

  it('rejects with OVERLOADED at once beyond its bound, and resolves the entries accepted before', async () => {
    const inbox = await bench.inbox();
    const accepted = sends(numbers(1)).map((entry) => inbox.submit(entry));
    await delay(0);
    accepted.push(...sends(numbers(5_000)).map((entry) => inbox.submit(entry)));
    const tooMany = sends(['5001', '5002']).map((entry) => inbox.submit(entry));
    expect(await Promise.all(tooMany.map(codeOf))).to.deep.equal(['OVERLOADED', 'OVERLOADED']);
    await bench.consumer(async ({ entries }) => entries.map(echo));
    expect(await Promise.all(accepted)).to.have.length(5_001);
  });

  it('keeps a batch whose processing fails, logs it, and continues with the lane', async () => {
    const inbox = await bench.inbox({ replyDeadlineMs: 200 });
    await bench.consumer(async (batch) => {
      if (contentsOf(batch).includes('fault')) throw new Error('a bug');
      return batch.entries.map(echo);
    });
    const [fault, fine] = sends(['fault', 'fine']);
    if (!fault || !fine) throw new Error('no entries');
    const failed = codeOf(inbox.submit(fault));
    await eventually(() => expect(bench.lines.map(({ text }) => text)).to.include('lane: a batch failed'));
    expect(await failed).to.equal('TIMEOUT');
    expect(await inbox.submit(fine)).to.deep.equal(echo(fine));
    const client = await bench.connect('consume');
    expect(await client.lLen(givenUpOf('inbox-0'))).to.equal(1);
  });

  it('leaves nothing of a processed batch in Redis', async () => {
    const inbox = await bench.inbox();
    await bench.consumer(async ({ entries }) => entries.map(echo));
    for (const entry of sends(numbers(20))) await inbox.submit(entry);
    const client = await bench.connect('consume');
    await eventually(async () => expect(await client.xLen(streamOf('inbox-0'))).to.equal(0));
  });

  it('closes a consumer after the batch in progress, which gets its reply', async () => {
    const inbox = await bench.inbox();
    const work = { started: false, done: false };
    const consumer = await bench.consumer(async ({ entries }) => {
      work.started = true;
      await delay(50);
      work.done = true;
      return entries.map(echo);
    });
    const [entry] = sends(['in progress']);
    if (!entry) throw new Error('no entry');
    const result = inbox.submit(entry);
    await eventually(() => expect(work.started).to.equal(true));
    await consumer.close();
    expect(work.done).to.equal(true);
    expect(await result).to.deep.equal(echo(entry));
  });
});

describe('an inbox while Redis is away', () => {
  it('rejects with UNAVAILABLE soon, and accepts entries again when Redis is back', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chat-queue-test-'));
    const options = { dataDir: join(folder, 'redis'), toolsDir: toolsFolder, log: () => {} };
    let server = await startRedis(options);
    try {
      await using bench = await newBench();
      const inbox = await bench.inbox({ url: server.url, replyDeadlineMs: 50 });
      // No consumer runs here: a batch that Redis accepts times out.
      const submit = () => codeOf(inbox.submit(sends(['hello'])[0] as ReturnType<typeof sends>[number]));
      expect(await submit()).to.equal('TIMEOUT');
      await server.stop();
      await eventually(async () => expect(await submit()).to.equal('UNAVAILABLE'));
      const started = performance.now();
      expect(await Promise.all([submit(), submit(), submit()])).to.deep.equal(Array(3).fill('UNAVAILABLE'));
      expect(performance.now() - started).to.be.below(2_500);
      server = await startRedis({ ...options, port: server.port });
      await eventually(async () => expect(await submit()).to.equal('TIMEOUT'));
    } finally {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
