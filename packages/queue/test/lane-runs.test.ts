import type { LaneBatch } from '@chat-cluster/contracts';
import {
  consumeLane,
  givenUpOf,
  inboxQueue,
  type JoinRule,
  type LaneConsumer,
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

describe('batches behind the one in hand', () => {
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

  async function consumer(process: Process, join: JoinRule<LaneBatch> = EVERYTHING): Promise<LaneConsumer> {
    const server = queueServer(await bench.connect('consume'));
    const lane = await consumeLane({ queue: inboxQueue(0), server, logger: bench.logger, process, join });
    return bench.own(lane, (one) => one.close());
  }

  const carryOut: Process = async (batch, _hold, behind) => {
    runs.push([batch, ...behind].flatMap(contentsOf));
    await reply([batch, ...behind]);
  };

  /** Keeps the lane busy with its first batch until `contents` wait behind it, each from a gateway of its own. */
  async function queueUp(contents: string[], process: Process, join?: JoinRule<LaneBatch>) {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    let first = true;
    await consumer(async (...args) => {
      if (!first) return process(...args);
      first = false;
      await released;
      await carryOut(...args);
    }, join);
    const client = await bench.connect('consume');
    const left = () => client.xLen(streamOf(inboxQueue(0)));
    const answers: Promise<unknown>[] = [];
    for (const [i, content] of ['first', ...contents].entries()) {
      const inbox = await bench.inbox();
      answers.push(...sends([content]).map((entry) => inbox.submit(entry)));
      await eventually(async () => expect(await left()).to.equal(i + 1));
    }
    release();
    return { left, givenUp: () => client.lLen(givenUpOf(inboxQueue(0))), answered: Promise.all(answers) };
  }

  it('are carried out with it when the lane is busy, in order, each answered, and gone', async () => {
    const { left, answered } = await queueUp(['a', 'b', 'c', 'd'], carryOut);
    expect(await answered).to.have.length(5);
    expect(runs).to.deep.equal([['first'], ['a', 'b', 'c', 'd']]);
    await eventually(async () => expect(await left()).to.equal(0));
  });

  it('are as many as a run may carry', async () => {
    const { answered } = await queueUp(['a', 'b', 'c'], carryOut, { ...EVERYTHING, maxWeight: 2 });
    await answered;
    expect(runs).to.deep.equal([['first'], ['a', 'b'], ['c']]);
  });

  it('end before one that has to be carried out alone', async () => {
    const alone = (batch: LaneBatch) => contentsOf(batch).includes('alone');
    const weigh = (batch: LaneBatch) => (alone(batch) ? undefined : 1);
    const { answered } = await queueUp(['a', 'b', 'alone', 'c', 'd'], carryOut, { ...EVERYTHING, weigh });
    await answered;
    expect(runs).to.deep.equal([['first'], ['a', 'b'], ['alone'], ['c', 'd']]);
  });

  it('do not share the fate of a run that fails: each batch is judged by itself', async () => {
    const { left, givenUp, answered } = await queueUp(['a', 'poison', 'c'], async (batch, hold, behind) => {
      if ([batch, ...behind].flatMap(contentsOf).includes('poison')) throw new Error('poison');
      await carryOut(batch, hold, behind);
    });
    // Nobody answers the poison one: its gateway gives up.
    await answered.catch(() => {});
    await eventually(async () => expect([await left(), await givenUp()]).to.deep.equal([0, 1]));
    expect(runs.flat()).to.deep.equal(['first', 'a', 'c']);
  });

  it('are left with it, and carried out by who takes the lane', async () => {
    let left = 0;
    const { answered } = await queueUp(['a', 'b', 'c'], async (batch, hold, behind) => {
      if (left++ === 0) throw new LaneLeft('a test');
      await carryOut(batch, hold, behind);
    });
    await answered;
    expect(runs.flat()).to.deep.equal(['first', 'a', 'b', 'c']);
  });
});
