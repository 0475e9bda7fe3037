import type { LaneBatch } from '@chat-cluster/contracts';
import { consumeLane, type FailedJob, inboxQueue, LeaveJob, queueConnection, watchWipe } from '@chat-cluster/queue';
import type { RedisClient } from '@chat-cluster/redis';
import { eventually } from '@chat-cluster/testkit';
import { Queue } from 'bullmq';
import { expect } from 'chai';
import { type Bench, contentsOf, newBench, sends } from './bench.ts';

const NAME = inboxQueue(0);
const LANE = `chat:${NAME}`;

describe('the care of a lane', () => {
  let bench: Bench;
  let client: RedisClient;
  let queue: Queue;

  beforeEach(async () => {
    bench = await newBench();
    client = await bench.connect('consume');
    queue = bench.own(new Queue(NAME, { connection: queueConnection(client), prefix: 'chat' }), (made) => made.close());
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  const batchOf = (...contents: string[]): LaneBatch => ({
    v: 1,
    batchId: contents.join(),
    replyTo: 'nobody',
    acceptedAt: 0,
    entries: sends(contents),
  });

  async function consume(
    process: (batch: LaneBatch) => Promise<void>,
    options: { giveUp?(jobs: FailedJob[]): Promise<void>; care?: { everyMs: number; wedgedAfterMs: number } } = {},
  ) {
    const connection = queueConnection(await bench.connect('consume'));
    const consumer = await consumeLane({ queue: NAME, connection, logger: bench.logger, process, ...options });
    return bench.own(consumer, (lane) => lane.close());
  }

  it('hands over what was given up, whatever it is, and forgets it; the lane goes on', async () => {
    const given: FailedJob[] = [];
    const done: string[] = [];
    const batch = batchOf('poison');
    await queue.add('batch', batch);
    const unreadable = await queue.add('batch', batchOf('unreadable'));
    await client.hSet(`${LANE}:${unreadable.id}`, 'data', '{"entries": "\u0000');
    const vanished = await queue.add('batch', batchOf('vanished'));
    await client.hSet(`${LANE}:${vanished.id}`, 'stc', 11);
    await client.hSet(`${LANE}:${vanished.id}`, 'defa', 'job stalled more than allowable limit');
    await queue.add('batch', batchOf('fine'));
    let faults = 1;
    await consume(
      async (job) => {
        if (contentsOf(job).includes('poison')) throw new Error('no batch of a version known here');
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
      'the data of the job is no JSON',
      'job stalled more than allowable limit',
    ]);
    expect(given.map(({ data }) => data).slice(0, 2)).to.deep.equal([batch, '{"entries": "\u0000']);
    expect(given[2]).to.have.nested.property('data.batchId', 'vanished');
    await eventually(async () => expect(await client.zCard(`${LANE}:failed`)).to.equal(0));
    expect((await client.keys(`${LANE}:*`)).filter((key) => /:\d+$/.test(key))).to.deep.equal([]);
  });

  it('leaves a job to another worker, in front of those that wait', async () => {
    const order: string[] = [];
    await queue.add('batch', batchOf('first'));
    await queue.add('batch', batchOf('second'));
    const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
    const stopping = await consume(async (job) => {
      order.push(`left ${contentsOf(job)}`);
      await stopped;
      throw new LeaveJob('this process stops');
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

  it('completes a job again whose completion Redis did not take: it is not failed', async () => {
    const done: string[] = [];
    const given: FailedJob[] = [];
    const connection = queueConnection(await bench.connect('consume'));
    const run = connection.runCommand.bind(connection);
    let cuts = 1;
    connection.runCommand = (name, args) =>
      name.startsWith('moveToFinished') && cuts-- > 0
        ? Promise.reject(new Error('Socket closed unexpectedly'))
        : run(name, args);
    const consumer = await consumeLane<LaneBatch>({
      queue: NAME,
      connection,
      logger: bench.logger,
      process: async (job) => void done.push(...contentsOf(job)),
      giveUp: async (jobs) => void given.push(...jobs),
    });
    bench.own(consumer, (lane) => lane.close());
    await queue.add('batch', batchOf('one'));
    await queue.add('batch', batchOf('two'));
    const none = { wait: 0, active: 0, failed: 0 };
    await eventually(async () => expect(await queue.getJobCounts('wait', 'active', 'failed')).to.deep.equal(none));
    expect([done, given, cuts < 1]).to.deep.equal([['one', 'two'], [], true]);
    expect(bench.lines.map(({ fields }) => fields.reason)).to.deep.equal(['Socket closed unexpectedly']);
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
      await eventually(async () => {
        expect(await client.hGet(`${LANE}:meta`, 'concurrency')).to.equal('1');
      });
      await eventually(() => expect(wipes).to.have.length(3));
      let ran = 0;
      await consume(async () => {
        ran++;
      });
      await queue.add('batch', batchOf('after'));
      await eventually(async () =>
        expect(await queue.getJobCounts('wait', 'active')).to.deep.equal({ wait: 0, active: 0 }),
      );
      expect(ran).to.be.below(2);
      expect(bench.lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
    } finally {
      expect(wipes).to.have.length(3);
      for (const watch of watches) watch.stop();
    }
  });

  it('replaces a consumer that takes no jobs although some wait', async () => {
    const done: string[] = [];
    await consume(async (job) => void done.push(...contentsOf(job)), {
      care: { everyMs: 50, wedgedAfterMs: 300 },
    });
    await queue.pause();
    await queue.add('batch', batchOf('waits'));
    await eventually(() => expect(bench.lines.map(({ text }) => text).join()).to.include('nobody takes them'));
    await queue.resume();
    await eventually(() => expect(done).to.deep.equal(['waits']));
  });
});
