import { queueServer, type RegularJobOptions, startRegularJob } from '@chat-cluster/queue';
import type { RedisClient } from '@chat-cluster/redis';
import { eventually } from '@chat-cluster/testkit';
import { Queue } from 'bullmq';
import { expect } from 'chai';
import { type Bench, newBench } from './bench.ts';

const NAME = 'audit';
const EVERY_MS = 50;

describe('a regular job', () => {
  let bench: Bench;
  let client: RedisClient;
  let queue: Queue;
  let runs: { worker: string; at: number }[];

  beforeEach(async () => {
    bench = await newBench();
    client = await bench.connect('consume');
    queue = bench.own(new Queue(NAME, { connection: queueServer(client).connection, prefix: 'chat' }), (one) =>
      one.close(),
    );
    runs = [];
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  async function start(worker: string, options: Partial<RegularJobOptions> = {}) {
    const job = startRegularJob({
      name: NAME,
      server: queueServer(await bench.connect('consume')),
      everyMs: EVERY_MS,
      run: async () => runs.push({ worker, at: performance.now() }),
      logger: bench.logger,
      workerName: worker,
      checkMs: 100,
      ...options,
    });
    return bench.own(job, (one) => one.close());
  }

  const runsMore = (count = 5) => {
    const before = runs.length;
    return eventually(() => expect(runs.length).to.be.at.least(before + count));
  };

  it('starts once per interval, whichever number of workers waits, and goes on when one leaves', async () => {
    const all = [await start('one'), await start('two'), await start('three')];
    const [began, before] = [performance.now(), runs.length];
    await runsMore(20);
    const intervals = (performance.now() - began) / EVERY_MS;
    expect(runs.length - before).to.be.at.most(intervals + 3);
    await all[0]?.close();
    const last = runs.length;
    await runsMore();
    expect(runs.slice(last + 1).map(({ worker }) => worker)).to.not.include('one');
  });

  it('starts again as scheduled after a run that failed, which the queue shows', async () => {
    await start('one', {
      async run() {
        runs.push({ worker: 'one', at: performance.now() });
        throw new Error('postgres is away');
      },
    });
    await runsMore();
    const [failed] = await queue.getFailed(0, 0);
    expect(failed).to.include({ name: NAME, failedReason: 'postgres is away' });
    expect(await queue.getCompletedCount()).to.equal(0);
  });

  it('goes on after Redis has lost its data, or only the next job', async () => {
    await start('one');
    await runsMore();
    await client.flushDb();
    await runsMore();
    await eventually(async () => {
      const [id] = await client.zRange('chat:audit:delayed', 0, 0);
      expect(id).to.not.equal(undefined);
      expect(await client.zRem('chat:audit:delayed', id as string)).to.equal(1);
      await client.del(`chat:audit:${id}`);
    });
    await runsMore();
  });

  it('has the interval of the last worker that started, and none after a worker that turns it off', async () => {
    const slow = await start('one', { everyMs: 3_600_000 });
    await eventually(async () => expect(await queue.getJobScheduler('regular')).to.include({ every: 3_600_000 }));
    await slow.close();
    await start('two', { checkMs: 3_600_000 });
    await runsMore();
    await start('off', { everyMs: 0 });
    await eventually(async () => expect(await queue.getJobSchedulersCount()).to.equal(0));
    const ended = runs.length;
    await eventually(async () => expect(await queue.getDelayedCount()).to.equal(0));
    expect(runs.length).to.be.at.most(ended + 1);
  });
});
