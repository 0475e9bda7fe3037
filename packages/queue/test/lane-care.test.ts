import type { LaneBatch, UserId } from '@chat-cluster/contracts';
import { newConversationId } from '@chat-cluster/domain';
import {
  appendToLane,
  consumeLane,
  createRecountRequests,
  type GivenUpBatch,
  givenUpOf,
  inboxQueue,
  LaneLeft,
  queueServer,
  recountQueue,
  streamOf,
  watchWipe,
} from '@chat-cluster/queue';
import type { RedisClient } from '@chat-cluster/redis';
import { eventually } from '@chat-cluster/testkit';
import { Queue } from 'bullmq';
import { expect } from 'chai';
import { type Bench, contentsOf, newBench, sends } from './bench.ts';

const NAME = inboxQueue(0);

describe('the care of a lane', () => {
  let bench: Bench;
  let client: RedisClient;
  let queue: Queue;

  beforeEach(async () => {
    bench = await newBench();
    client = await bench.connect('consume');
    const { connection } = queueServer(client);
    queue = bench.own(new Queue(NAME, { connection, prefix: 'chat' }), (made) => made.close());
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  const batchOf = (...contents: string[]): LaneBatch => ({
    v: 1,
    batchId: contents.join(),
    replyTo: 'nobody',
    acceptedAt: 0,
    entries: sends(contents),
  });

  const append = (data: LaneBatch | string) =>
    appendToLane(client, NAME, typeof data === 'string' ? data : JSON.stringify(data));
  const isEmpty = () => eventually(async () => expect(await client.xLen(streamOf(NAME))).to.equal(0));

  async function consume(
    process: (batch: LaneBatch) => Promise<void>,
    options: { giveUp?(jobs: GivenUpBatch[]): Promise<void>; care?: { everyMs: number; wedgedAfterMs: number } } = {},
  ) {
    const server = queueServer(await bench.connect('consume'));
    const consumer = await consumeLane({ queue: NAME, server, logger: bench.logger, process, ...options });
    return bench.own(consumer, (lane) => lane.close());
  }

  it('hands over what was given up, whatever it is, and forgets it; the lane goes on', async () => {
    const given: GivenUpBatch[] = [];
    const done: string[] = [];
    const batch = batchOf('poison');
    await append(batch);
    await append('{"entries": "\u0000');
    await append(batchOf('vanished'));
    await append(batchOf('fine'));
    let faults = 1;
    await consume(
      async (job) => {
        if (contentsOf(job).includes('poison')) throw new Error('no batch of a version known here');
        if (contentsOf(job).includes('vanished')) throw new Error('for good');
        done.push(...contentsOf(job));
      },
      {
        async giveUp(jobs) {
          // What a process leaves that dies before it has kept them, or whose Postgres is away.
          if (faults-- > 0) throw new Error('postgres is away');
          given.push(...jobs);
        },
      },
    );
    await eventually(() => expect(given).to.have.length(3));
    expect(done).to.deep.equal(['fine']);
    expect(given.map(({ reason }) => reason)).to.deep.equal([
      'no batch of a version known here',
      'the data of the batch is no JSON',
      'for good',
    ]);
    expect(given.map(({ data }) => data).slice(0, 2)).to.deep.equal([batch, '{"entries": "\u0000']);
    expect(given[2]).to.have.nested.property('data.batchId', 'vanished');
    await eventually(async () => expect(await client.exists(givenUpOf(NAME))).to.equal(0));
    await isEmpty();
  });

  it('leaves a batch to another worker, in front of those that wait', async () => {
    const order: string[] = [];
    await append(batchOf('first'));
    await append(batchOf('second'));
    const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
    const stopping = await consume(async (job) => {
      order.push(`left ${contentsOf(job)}`);
      await stopped;
      throw new LaneLeft('this process stops');
    });
    await eventually(() => expect(order).to.deep.equal(['left first']));
    const closed = stopping.close();
    stop();
    await closed;
    await consume(async (job) => {
      order.push(...contentsOf(job));
    });
    await eventually(() => expect(order).to.deep.equal(['left first', 'first', 'second']));
    expect(bench.lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
  });

  it('deletes a batch again whose end Redis did not take: it is not carried out twice', async () => {
    const done: string[] = [];
    const server = queueServer(await bench.connect('consume'));
    const run = server.client.eval.bind(server.client);
    let cuts = 2;
    const broken = (script: string, options: never) =>
      script.includes('XDEL') && done.length > 0 && cuts-- > 0
        ? Promise.reject(new Error('Socket closed unexpectedly'))
        : run(script, options);
    Object.assign(server.client, { eval: broken });
    const process = async (job: LaneBatch) => void done.push(...contentsOf(job));
    bench.own(await consumeLane({ queue: NAME, server, logger: bench.logger, process }), (lane) => lane.close());
    await append(batchOf('one'));
    await append(batchOf('two'));
    await isEmpty();
    expect([done, cuts < 1]).to.deep.equal([['one', 'two'], true]);
    expect(bench.lines.map(({ fields }) => fields.reason)).to.deep.equal(['Error: Socket closed unexpectedly']);
  });

  it('deletes a batch and asks for its recounts in one step; while Redis refuses, neither, and the lane waits', async () => {
    const server = queueServer(await bench.connect('consume'));
    const recounts = bench.own(createRecountRequests([server], 1), async (requests) => requests.close());
    const badge = { conversationId: newConversationId(), userId: 'bob' as UserId };
    const told = Promise.resolve();
    const done: string[] = [];
    const process = async (job: LaneBatch) => {
      done.push(...contentsOf(job));
      return { told, badges: [badge, badge] };
    };
    // No set: nothing can be added to it, as to a Redis that is full.
    await client.set('chat:dirty:0', 'in the way');
    const lane = await consumeLane({ queue: NAME, server, logger: bench.logger, process, recounts });
    bench.own(lane, (one) => one.close());
    await append(batchOf('one'));
    await append(batchOf('two'));
    await eventually(() =>
      expect(bench.lines.map(({ text }) => text)).to.include('lane: redis takes no result, again'),
    );
    expect([done, await client.xLen(streamOf(NAME))]).to.deep.equal([['one'], 2]);
    await client.del('chat:dirty:0');
    await isEmpty();
    expect(done).to.deep.equal(['one', 'two']);
    expect(await client.sMembers('chat:dirty:0')).to.deep.equal([badge.conversationId + badge.userId]);
    expect(await client.xLen(streamOf(recountQueue(0)))).to.equal(1);
  });

  it('gives up a batch that ten workers died of, and goes on with what is behind it', async () => {
    const given: GivenUpBatch[] = [];
    const done: string[] = [];
    await append(batchOf('deadly'));
    await append(batchOf('fine'));
    const head = await client.xRange(streamOf(NAME), '-', '+', { COUNT: 1 });
    await client.set(`${streamOf(NAME)}:losses`, `${head?.[0]?.id} 10`);
    await consume(async (job) => void done.push(...contentsOf(job)), {
      giveUp: async (jobs) => void given.push(...jobs),
    });
    await eventually(() => expect(given).to.have.length(1));
    await eventually(() => expect(done).to.deep.equal(['fine']));
    expect(given[0]).to.include({ reason: 'lost 10 workers', attempts: 10 });
    expect(given[0]).to.have.nested.property('data.batchId', 'deadly');
    await isEmpty();
  });

  it('says again what a Redis has forgotten that comes back empty; one worker hears of it, again if that failed', async () => {
    const wipes: number[] = [];
    const watches = [0, 1].map((worker) =>
      watchWipe(client, async () => {
        wipes.push(worker);
        if (wipes.length === 2) throw new Error('not told');
      }),
    );
    try {
      await consume(async () => {});
      await eventually(() => expect(wipes).to.have.length(1));
      await client.flushDb();
      await client.scriptFlush();
      await eventually(async () => expect(await queue.getJobCounts('active')).to.deep.equal({ active: 1 }));
      await eventually(() => expect(wipes).to.have.length(3));
      let ran = 0;
      await consume(async () => {
        ran++;
      });
      await append(batchOf('after'));
      await isEmpty();
      expect(ran).to.be.below(2);
      expect(bench.lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
    } finally {
      expect(wipes).to.have.length(3);
      for (const watch of watches) watch.stop();
    }
  });

  it('replaces a consumer that does not take a lane that is free', async () => {
    const done: string[] = [];
    await queue.pause();
    await consume(async (job) => void done.push(...contentsOf(job)), {
      care: { everyMs: 50, wedgedAfterMs: 300 },
    });
    await append(batchOf('waits'));
    await eventually(() => expect(bench.lines.map(({ text }) => text).join()).to.include('nobody takes it'));
    await queue.resume();
    await eventually(() => expect(done).to.deep.equal(['waits']));
  });

  it('keeps every connection in use while a lane is held, so that none is cut for its silence', async () => {
    const done: string[] = [];
    await consume(async (batch) => void done.push(...contentsOf(batch)));
    await append(batchOf('a'));
    await eventually(() => expect(done).to.deep.equal(['a']));
    const { db } = await client.clientInfo();
    await eventually(async () => {
      const connections = (await client.clientList()).filter((info) => info.db === db);
      expect(connections.map(({ idle, age }) => age >= 5 && idle <= 3)).to.not.include(false);
    }, 7_000);
  });
});
