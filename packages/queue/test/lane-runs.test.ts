import type { LaneBatch } from '@chat-cluster/contracts';
import {
  consumeLane,
  givenUpOf,
  inboxLane,
  type JoinRule,
  type LaneHold,
  LaneLeft,
  queueServer,
  sendReply,
  streamOf,
} from '@chat-cluster/queue';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { type Bench, contentsOf, echo, newBench, sends } from './bench.ts';

type Process = (batch: LaneBatch, hold: LaneHold, behind: LaneBatch[]) => Promise<void>;

const EVERYTHING: JoinRule<LaneBatch> = { weigh: (batch) => batch.entries.length, maxWeight: 1_000 };

describe('batches that wait behind the first of a run', () => {
  let bench: Bench;
  let runs: string[][];
  let reply: (batches: readonly LaneBatch[]) => Promise<void>;

  beforeEach(async () => {
    bench = await newBench();
    runs = [];
    const { publisher } = await bench.pubsub();
    reply = async (batches) => {
      for (const { replyTo, batchId, entries } of batches) {
        await sendReply(publisher, replyTo, { v: 1, batchId, results: entries.map(echo) });
      }
    };
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  async function consume(process: Process, join: JoinRule<LaneBatch> = EVERYTHING): Promise<void> {
    const server = queueServer(await bench.connect('consume'));
    const processor = { process, join };
    const consumer = await consumeLane({ lane: inboxLane(0), server, logger: bench.logger, processor });
    bench.own(consumer, (one) => one.close());
  }

  const record: Process = async (batch, _hold, behind) => {
    runs.push([batch, ...behind].flatMap(contentsOf));
    await reply([batch, ...behind]);
  };

  /** Keeps the lane busy with its first batch until `contents` wait behind it, each from another gateway. */
  async function queueUp(contents: string[], process: Process, join?: JoinRule<LaneBatch>) {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    let first = true;
    await consume(async (...args) => {
      if (!first) return process(...args);
      first = false;
      await released;
      await record(...args);
    }, join);
    const client = await bench.connect('consume');
    const left = () => client.xLen(streamOf(inboxLane(0)));
    const results: Promise<unknown>[] = [];
    for (const [i, content] of ['first', ...contents].entries()) {
      const inbox = await bench.inbox();
      results.push(...sends([content]).map((entry) => inbox.submit(entry)));
      await eventually(async () => expect(await left()).to.equal(i + 1));
    }
    release();
    return { left, givenUp: () => client.lLen(givenUpOf(inboxLane(0))), submitted: Promise.all(results) };
  }

  it('are processed with it in order; each gets its reply and is deleted', async () => {
    const { left, submitted } = await queueUp(['a', 'b', 'c', 'd'], record);
    expect(await submitted).to.have.length(5);
    expect(runs).to.deep.equal([['first'], ['a', 'b', 'c', 'd']]);
    await eventually(async () => expect(await left()).to.equal(0));
  });

  it('are limited by the largest weight of a run', async () => {
    const { submitted } = await queueUp(['a', 'b', 'c'], record, { ...EVERYTHING, maxWeight: 2 });
    await submitted;
    expect(runs).to.deep.equal([['first'], ['a', 'b'], ['c']]);
  });

  it('end before a batch that must be processed alone', async () => {
    const alone = (batch: LaneBatch) => contentsOf(batch).includes('alone');
    const weigh = (batch: LaneBatch) => (alone(batch) ? undefined : 1);
    const { submitted } = await queueUp(['a', 'b', 'alone', 'c', 'd'], record, { ...EVERYTHING, weigh });
    await submitted;
    expect(runs).to.deep.equal([['first'], ['a', 'b'], ['alone'], ['c', 'd']]);
  });

  it('are processed one by one after their run failed: only the faulty batch is given up', async () => {
    const { left, givenUp, submitted } = await queueUp(['a', 'poison', 'c'], async (batch, hold, behind) => {
      if ([batch, ...behind].flatMap(contentsOf).includes('poison')) throw new Error('poison');
      await record(batch, hold, behind);
    });
    // The poison batch gets no reply: its gateway times out.
    await submitted.catch(() => {});
    await eventually(async () => expect([await left(), await givenUp()]).to.deep.equal([0, 1]));
    expect(runs.flat()).to.deep.equal(['first', 'a', 'c']);
  });

  it('are left with it, and processed by the next worker that takes the lane', async () => {
    let left = 0;
    const { submitted } = await queueUp(['a', 'b', 'c'], async (batch, hold, behind) => {
      if (left++ === 0) throw new LaneLeft('a test');
      await record(batch, hold, behind);
    });
    await submitted;
    expect(runs.flat()).to.deep.equal(['first', 'a', 'b', 'c']);
  });
});
