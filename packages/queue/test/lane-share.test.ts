import { appendToLane, consumeLane, inboxLane, type LaneConsumer, LaneShares, queueServer } from '@chat-cluster/queue';
import type { RedisClient } from '@chat-cluster/redis';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { type Bench, newBench } from './bench.ts';

const LANES = [0, 1, 2, 3];

describe('the shares of workers', () => {
  let bench: Bench;
  let client: RedisClient;
  /** The worker that processed the last batch of each lane. */
  let owners: string[];

  beforeEach(async () => {
    bench = await newBench();
    client = await bench.connect('consume');
    owners = [];
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  /** Starts a worker that competes for all lanes. Resolves with a function that stops it in good order. */
  async function worker(name: string): Promise<() => Promise<void>> {
    const server = queueServer(await bench.connect('consume'));
    const shares = new LaneShares(server.client);
    const share = shares.shareOf(LANES.length);
    const consumers: LaneConsumer[] = [];
    for (const laneNumber of LANES) {
      const process = async () => {
        owners[laneNumber] = name;
      };
      const lane = inboxLane(laneNumber);
      consumers.push(await consumeLane({ lane, server, share, logger: bench.logger, processor: { process } }));
    }
    let stopped = false;
    const stop = async () => {
      if (stopped) return;
      stopped = true;
      await Promise.all(consumers.map((consumer) => consumer.close()));
      await shares.stop();
    };
    bench.own(stop, (end) => end());
    return stop;
  }

  /** Sends a batch through each lane until each worker has processed the number of lanes in `wanted`. */
  const settled = (wanted: Record<string, number>) =>
    eventually(async () => {
      owners = [];
      await Promise.all(LANES.map((laneNumber) => appendToLane(client, inboxLane(laneNumber), '{}')));
      await eventually(() => expect(owners.filter(Boolean)).to.have.length(LANES.length), 5_000);
      const counts = Object.fromEntries(Object.keys(wanted).map((name) => [name, 0]));
      for (const owner of owners) counts[owner] = (counts[owner] ?? 0) + 1;
      expect(counts).to.deep.equal(wanted);
    });

  it('become even when a worker joins, and one takes all when the other leaves', async () => {
    await worker('one');
    await settled({ one: 4 });
    const leave = await worker('two');
    await settled({ one: 2, two: 2 });
    await leave();
    await settled({ one: 4, two: 0 });
    expect(bench.lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
  });

  it('become even under steady traffic, which leaves no lane idle', async () => {
    await worker('one');
    const traffic = setInterval(() => {
      for (const laneNumber of LANES) appendToLane(client, inboxLane(laneNumber), '{}').catch(() => {});
    }, 20);
    try {
      await worker('two');
      await settled({ one: 2, two: 2 });
    } finally {
      clearInterval(traffic);
    }
  });
});
