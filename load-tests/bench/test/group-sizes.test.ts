import { expect } from 'chai';
import { GROUP_SIZES_OPTIONS, measureGroupSizes, reportGroupSizes } from '../src/experiments/group-sizes.ts';

describe('group-sizes', () => {
  it('measures what a message to a group costs, per message and per delivery', async () => {
    const defaults = GROUP_SIZES_OPTIONS.parse({ sizes: '5', rate: '50', rounds: '1', seconds: '1' });
    const options = { ...defaults, warmUp: 1, background: 1 };
    const samples = await measureGroupSizes(options, () => {});
    expect(samples).to.have.length(1);
    const [sample = expect.fail()] = samples;
    expect(sample).to.include({ members: 5, sent: 50, refused: 0, lost: 0, duplicated: 0, reordered: 0 });
    expect(sample.cpu.sum).to.be.within(100, 100_000);
    const [perMessage, perDelivery] = reportGroupSizes(options, samples).tables.map(({ rows }) => rows[0]?.map(Number));
    expect(perMessage?.slice(0, 6)).to.deep.equal([
      5,
      ...Object.values(sample.cpu).map((us) => Number((us / 1_000).toFixed(2))),
    ]);
    expect(perDelivery).to.deep.equal([5, ...Object.values(sample.cpu).map((us) => Number((us / 5).toFixed(1)))]);
  });
});
