import { appendToLane, givenUpOf, inboxLane, readLaneDepth, readLaneHolder, streamOf } from '@chat-cluster/queue';
import { expect } from 'chai';
import { newBench } from './bench.ts';

describe('the view of lanes', () => {
  it('shows the number of batches, and the age of the oldest by the clock of Redis', async () => {
    await using bench = await newBench();
    const client = await bench.connect('publish');
    const [busy, empty] = [inboxLane(0), inboxLane(1)];
    const read = () => Promise.all([busy, empty].map((lane) => readLaneDepth({ client }, lane)));
    const nothing = { batches: 0, oldestMs: 0 };
    expect(await read()).to.deep.equal([nothing, nothing]);

    await client.xAdd(streamOf(busy), `${Date.now() - 60_000}-0`, { d: '{}' });
    await appendToLane(client, busy, '{}');
    const [depth, other] = await read();
    expect(depth?.batches).to.equal(2);
    expect(depth?.oldestMs).to.be.within(59_000, 70_000);
    expect(other).to.deep.equal(nothing);

    await client.del(streamOf(busy));
    expect(await read()).to.deep.equal([nothing, nothing]);
  });

  it('shows the holder of a lane while the lock of the lease exists', async () => {
    await using bench = await newBench();
    const client = await bench.connect('publish');
    const lane = inboxLane(0);
    await client.hSet('chat:inbox-0:serve', { pb: 'worker-1', processedOn: '1700000000000' });
    await client.set('chat:inbox-0:serve:lock', 'token');
    await client.rPush(givenUpOf(lane), '{}');
    const read = () => readLaneHolder({ client }, lane);
    expect(await read()).to.deep.equal({ holder: 'worker-1', heldSince: 1_700_000_000_000, givenUp: 1 });
    await client.del('chat:inbox-0:serve:lock');
    expect(await read()).to.deep.equal({ givenUp: 1 });
  });
});
