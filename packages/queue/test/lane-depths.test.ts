import { appendToLane, inboxQueue, readLaneDepths, streamOf } from '@chat-cluster/queue';
import { expect } from 'chai';
import { newBench } from './bench.ts';

describe('the depth of lanes', () => {
  it('is what stands in their streams, and the age of the first by the clock of Redis', async () => {
    await using bench = await newBench();
    const client = await bench.connect('publish');
    const [busy, empty] = [inboxQueue(0), inboxQueue(1)];
    const look = () => readLaneDepths({ client }, [busy, empty]);
    const nothing = (lane: string) => ({ lane, batches: 0, oldestMs: 0 });
    expect(await look()).to.deep.equal([nothing(busy), nothing(empty)]);

    await client.xAdd(streamOf(busy), `${Date.now() - 60_000}-0`, { d: '{}' });
    await appendToLane(client, busy, '{}');
    const [depth, other] = await look();
    expect(depth).to.include({ lane: busy, batches: 2 });
    expect(depth?.oldestMs).to.be.within(59_000, 70_000);
    expect(other).to.deep.equal(nothing(empty));

    await client.del(streamOf(busy));
    expect(await look()).to.deep.equal([nothing(busy), nothing(empty)]);
  });
});
