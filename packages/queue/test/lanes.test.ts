import { randomUUID } from 'node:crypto';
import type { UserId } from '@chat-cluster/contracts';
import { newConversationId } from '@chat-cluster/domain';
import { announceLanes, inboxLane, laneNumberOf, recountLane } from '@chat-cluster/queue';
import { expect } from 'chai';
import { newBench } from './bench.ts';

describe('the lane number of an id', () => {
  it('is the same in every process and version and on every machine', () => {
    // Independent vectors: `python3 -c 'import zlib; print(zlib.crc32(b"alice") % 16)'`.
    const vectors: [id: string, of4: number, of16: number, of256: number][] = [
      ['123456789', 2, 6, 38],
      ['alice', 3, 7, 71],
      ['ümläut 汉字', 2, 14, 190],
      ['01926b3a-7c11-7d3e-9f52-0a4c1f6f2b10', 2, 14, 94],
    ];
    for (const [id, ...lanes] of vectors) {
      expect(
        [4, 16, 256].map((count) => laneNumberOf(id as UserId, count)),
        id,
      ).to.deep.equal(lanes);
      expect(laneNumberOf(id as UserId, 1)).to.equal(0);
    }
  });

  it('spreads conversations and users evenly', () => {
    const users = Array.from({ length: 16_000 }, () => `user-${randomUUID()}` as UserId);
    const conversations = Array.from({ length: 16_000 }, newConversationId);
    for (const [ids, lanes] of [
      [users, 4],
      [conversations, 4],
      [users, 16],
      [conversations, 16],
    ] as const) {
      const sizes = Array.from({ length: lanes }, () => 0);
      for (const id of ids) sizes[laneNumberOf(id, lanes)] = (sizes[laneNumberOf(id, lanes)] ?? 0) + 1;
      // Six standard deviations of a fair spread.
      const fair = ids.length / lanes;
      for (const size of sizes) expect(size).to.be.within(fair - 6 * Math.sqrt(fair), fair + 6 * Math.sqrt(fair));
    }
  });

  it('has one lane for messages and one for recounts', () => {
    expect([inboxLane(3), recountLane(3)]).to.deep.equal(['inbox-3', 'recount-3']);
  });
});

describe('the layout of lanes', () => {
  it('is announced, and a different one is logged as an error', async () => {
    await using bench = await newBench();
    const client = await bench.connect('consume');
    const one = (lanes: number) => ({ lanes, index: 0, servers: 1 });
    for (const layout of [one(4), one(4), one(8), one(8)]) await announceLanes(client, layout, bench.logger);
    for (let times = 0; times < 2; times++) {
      await announceLanes(client, { lanes: 8, index: 1, servers: 2 }, bench.logger);
    }
    expect(bench.lines.map(({ level, fields }) => [level, fields])).to.deep.equal([
      ['error', { here: '8', before: '4' }],
      ['error', { here: '8, server 2 of 2', before: '8' }],
    ]);
  });
});
