import { expect } from 'chai';
import { mediansOf, sumsOf } from '../src/samples.ts';

describe('figures of samples', () => {
  it('are medians, field by field, and sums', () => {
    const samples = [3, 1, 2].map((n) => ({ arm: 'a', cpu: { redis: n }, size: n * n }));
    expect(mediansOf(samples)).to.deep.equal({ arm: 'a', cpu: { redis: 2 }, size: 4 });
    const counts = [2, 3].map((lost) => ({ lost, sent: 5 }));
    expect(sumsOf(counts, ['lost'])).to.deep.equal({ lost: 5 });
  });
});
