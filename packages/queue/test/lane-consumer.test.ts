import type { LaneBatch, UserId } from '@chat-cluster/contracts';
import { newConversationId } from '@chat-cluster/domain';
import {
  appendToLane,
  consumeLane,
  createRecountRequests,
  type GivenUpBatch,
  givenUpOf,
  inboxLane,
  type LaneConsumerOptions,
  LaneLeft,
  queueServer,
  recountLane,
  streamOf,
  watchWipe,
} from '@chat-cluster/queue';
import type { RedisClient } from '@chat-cluster/redis';
import { askRedis, eventually, privateServers } from '@chat-cluster/testkit';
import { Queue } from 'bullmq';
import { expect } from 'chai';
import { type Bench, contentsOf, newBench, sends } from './bench.ts';

const LANE = inboxLane(0);

describe('the consumer of a lane', () => {
  let bench: Bench;
  let client: RedisClient;
  let queue: Queue;

  beforeEach(async () => {
    bench = await newBench();
    client = await bench.connect('consume');
    const { connection } = queueServer(client);
    queue = bench.own(new Queue(LANE, { connection, prefix: 'chat' }), (made) => made.close());
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  const batchOf = (...contents: string[]): LaneBatch => ({
    v: 1,
    batchId: contents.join(),
    replyTo: 'no gateway',
    acceptedAt: 0,
    entries: sends(contents),
  });

  const append = (data: LaneBatch | string) =>
    appendToLane(client, LANE, typeof data === 'string' ? data : JSON.stringify(data));
  const isEmpty = () => eventually(async () => expect(await client.xLen(streamOf(LANE))).to.equal(0));

  async function consume(
    process: (batch: LaneBatch) => Promise<void>,
    options: Pick<LaneConsumerOptions<LaneBatch>, 'keepGivenUp' | 'checks' | 'share'> = {},
  ) {
    const server = queueServer(await bench.connect('consume'));
    const consumer = await consumeLane({
      lane: LANE,
      server,
      logger: bench.logger,
      processor: { process },
      ...options,
    });
    return bench.own(consumer, (one) => one.close());
  }

  it('hands over each given-up batch, readable or not, then deletes it and continues with the lane', async () => {
    const given: GivenUpBatch[] = [];
    const done: string[] = [];
    const batch = batchOf('poison');
    await append(batch);
    await append('{"entries": "\u0000');
    await append(batchOf('vanished'));
    await append(batchOf('fine'));
    let faults = 1;
    await consume(
      async (batch) => {
        if (contentsOf(batch).includes('poison')) throw new Error('no batch of a version known here');
        if (contentsOf(batch).includes('vanished')) throw new Error('for good');
        done.push(...contentsOf(batch));
      },
      {
        async keepGivenUp(batches) {
          // As when the process dies before it has kept them, or Postgres is away.
          if (faults-- > 0) throw new Error('postgres is away');
          given.push(...batches);
        },
      },
    );
    await eventually(() => expect(given).to.have.length(3));
    expect(done).to.deep.equal(['fine']);
    expect(given.map(({ reason }) => reason)).to.deep.equal([
      'no batch of a version known here',
      'the data of the batch is not JSON',
      'for good',
    ]);
    expect(given.map(({ data }) => data).slice(0, 2)).to.deep.equal([batch, '{"entries": "\u0000']);
    expect(given[2]).to.have.nested.property('data.batchId', 'vanished');
    await eventually(async () => expect(await client.exists(givenUpOf(LANE))).to.equal(0));
    await isEmpty();
  });

  it('requests its lease once a second while Redis refuses it, and logs that once', async () => {
    const { redis } = await privateServers();
    const refusals = async () => {
      const stats = String(await askRedis(redis.url, 'INFO', 'errorstats'));
      return Number(/errorstat_OOM:count=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    const logged = () => bench.lines.filter(({ text }) => text === 'lane: a BullMQ command failed');
    await askRedis(redis.url, 'CONFIG', 'SET', 'maxmemory', '1');
    const done: string[] = [];
    let consuming: Promise<unknown>;
    try {
      consuming = consume(async (batch) => void done.push(...contentsOf(batch)));
      await eventually(() => expect(logged()).to.have.length(1));
      const [before, began] = [await refusals(), performance.now()];
      await eventually(() => expect(performance.now() - began).to.be.above(2_000));
      expect((await refusals()) - before).to.be.below(50);
      expect(logged()).to.have.length(1);
    } finally {
      await askRedis(redis.url, 'CONFIG', 'SET', 'maxmemory', '0');
    }
    await append(batchOf('after it'));
    await consuming;
    await eventually(() => expect(done).to.deep.equal(['after it']));
  });

  it('leaves a batch to another worker, before the batches that wait', async () => {
    const order: string[] = [];
    await append(batchOf('first'));
    await append(batchOf('second'));
    const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
    const stopping = await consume(async (batch) => {
      order.push(`left ${contentsOf(batch)}`);
      await stopped;
      throw new LaneLeft('this process stops');
    });
    await eventually(() => expect(order).to.deep.equal(['left first']));
    const closed = stopping.close();
    stop();
    await closed;
    await consume(async (batch) => {
      order.push(...contentsOf(batch));
    });
    await eventually(() => expect(order).to.deep.equal(['left first', 'first', 'second']));
    expect(bench.lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
  });

  it('repeats the deletion of a batch that Redis rejected: the batch is not processed twice', async () => {
    const done: string[] = [];
    const server = queueServer(await bench.connect('consume'));
    const evaluate = server.client.eval.bind(server.client);
    let failures = 2;
    const broken = (script: string, options: never) =>
      script.includes('XDEL') && done.length > 0 && failures-- > 0
        ? Promise.reject(new Error('Socket closed unexpectedly'))
        : evaluate(script, options);
    Object.assign(server.client, { eval: broken });
    const process = async (batch: LaneBatch) => void done.push(...contentsOf(batch));
    const consumer = await consumeLane({ lane: LANE, server, logger: bench.logger, processor: { process } });
    bench.own(consumer, (one) => one.close());
    await append(batchOf('one'));
    await append(batchOf('two'));
    await isEmpty();
    expect([done, failures < 1]).to.deep.equal([['one', 'two'], true]);
    expect(bench.lines.map(({ fields }) => fields.reason)).to.deep.equal(['Error: Socket closed unexpectedly']);
  });

  it('deletes a batch and requests its recounts in one step; while Redis rejects it, the lane waits', async () => {
    const server = queueServer(await bench.connect('consume'));
    const recounts = bench.own(createRecountRequests([server], 1), async (requests) => requests.close());
    const badge = { conversationId: newConversationId(), userId: 'bob' as UserId };
    const published = Promise.resolve();
    const done: string[] = [];
    const process = async (batch: LaneBatch) => {
      done.push(...contentsOf(batch));
      return { published, badges: [badge, badge] };
    };
    // Not a set: nothing can be added to it, as in a Redis that is full.
    await client.set('chat:dirty:0', 'in the way');
    const consumer = await consumeLane({ lane: LANE, server, logger: bench.logger, processor: { process }, recounts });
    bench.own(consumer, (one) => one.close());
    await append(batchOf('one'));
    await append(batchOf('two'));
    await eventually(() =>
      expect(bench.lines.map(({ text }) => text)).to.include('lane: redis rejected a command, retrying'),
    );
    expect([done, await client.xLen(streamOf(LANE))]).to.deep.equal([['one'], 2]);
    await client.del('chat:dirty:0');
    await isEmpty();
    expect(done).to.deep.equal(['one', 'two']);
    expect(await client.sMembers('chat:dirty:0')).to.deep.equal([badge.conversationId + badge.userId]);
    expect(await client.xLen(streamOf(recountLane(0)))).to.equal(1);
  });

  it('requests any number of recounts: a batch can add thousands of users to groups', async () => {
    const server = queueServer(await bench.connect('consume'));
    const recounts = bench.own(createRecountRequests([server], 1), async (requests) => requests.close());
    const badges = Array.from({ length: 20_000 }, (_, i) => ({
      conversationId: newConversationId(),
      userId: `user-${i}` as UserId,
    }));
    const process = async () => ({ published: Promise.resolve(), badges });
    const consumer = await consumeLane({ lane: LANE, server, logger: bench.logger, processor: { process }, recounts });
    bench.own(consumer, (one) => one.close());
    await append(batchOf('one'));
    await isEmpty();
    expect(await client.sCard('chat:dirty:0')).to.equal(badges.length);
    expect(bench.lines.map(({ text }) => text)).to.deep.equal([]);
  });

  it('gives up a batch that ten workers died of, and continues with the next', async () => {
    const given: GivenUpBatch[] = [];
    const done: string[] = [];
    await append(batchOf('deadly'));
    await append(batchOf('fine'));
    const head = await client.xRange(streamOf(LANE), '-', '+', { COUNT: 1 });
    await client.set(`${streamOf(LANE)}:losses`, `${head?.[0]?.id} 10`);
    await consume(async (batch) => void done.push(...contentsOf(batch)), {
      keepGivenUp: async (batches) => void given.push(...batches),
    });
    await eventually(() => expect(given).to.have.length(1));
    await eventually(() => expect(done).to.deep.equal(['fine']));
    expect(given[0]).to.include({ reason: 'lost 10 workers', attempts: 10 });
    expect(given[0]).to.have.nested.property('data.batchId', 'deadly');
    await isEmpty();
  });

  it('counts no loss when workers leave the lane before its first batch, and keeps the count of earlier losses', async () => {
    const done: string[] = [];
    await append(batchOf('fine'));
    const head = await client.xRange(streamOf(LANE), '-', '+', { COUNT: 1 });
    await client.set(`${streamOf(LANE)}:losses`, `${head?.[0]?.id} 2`);
    const counts: (string | null)[] = [];
    let leaves = 12;
    await consume(async (batch) => void done.push(...contentsOf(batch)), {
      share: {
        shouldLeaveLane: () => leaves-- > 0,
        laneTaken: () => {},
        laneLeft: () => void client.get(`${streamOf(LANE)}:losses`).then((count) => counts.push(count)),
      },
    });
    await eventually(() => expect(done).to.deep.equal(['fine']));
    await isEmpty();
    expect(await client.lLen(givenUpOf(LANE))).to.equal(0);
    expect(counts).to.have.length.at.least(12);
    expect(new Set(counts)).to.deep.equal(new Set([`${head?.[0]?.id} 2`]));
  });

  it('counts no loss when a worker stops during a batch', async () => {
    const losses = () => client.get(`${streamOf(LANE)}:losses`);
    await append(batchOf('waits'));
    const started = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<never>();
    const consumer = await consume(async () => {
      started.resolve();
      await stopped.promise;
    });
    await started.promise;
    expect(await losses()).to.match(/ 1$/);
    const closed = consumer.close();
    stopped.reject(new LaneLeft('this process stops'));
    await closed;
    expect(await losses()).to.match(/ 0$/);
  });

  it('restores the lease in a wiped Redis; one worker reports the wipe, again if that failed', async () => {
    const wipes: number[] = [];
    const watches = [0, 1].map((worker) =>
      watchWipe(client, async () => {
        wipes.push(worker);
        if (wipes.length === 2) throw new Error('not reported');
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

  it('replaces a consumer that does not take a free lane', async () => {
    const done: string[] = [];
    await queue.pause();
    await consume(async (batch) => void done.push(...contentsOf(batch)), {
      checks: { everyMs: 50, unclaimedMs: 300 },
    });
    await append(batchOf('waits'));
    await eventually(() =>
      expect(bench.lines.map(({ text }) => text).join()).to.include('lane: unclaimed although redis is up'),
    );
    await queue.resume();
    await eventually(() => expect(done).to.deep.equal(['waits']));
  });

  it('uses every connection while a lane is held, so that none is closed as idle', async () => {
    const done: string[] = [];
    await consume(async (batch) => void done.push(...contentsOf(batch)));
    await append(batchOf('a'));
    await eventually(() => expect(done).to.deep.equal(['a']));
    const { db } = await client.clientInfo();
    await eventually(async () => {
      const connections = (await client.clientList()).filter((info) => info.db === db);
      expect(connections.map(({ idle, age }) => age >= 5 && idle <= 3)).to.not.include(false);
    });
  });
});
