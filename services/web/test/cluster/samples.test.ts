import { expect } from 'chai';
import { Samples } from '../../src/cluster/data/samples.ts';

const options = { capacity: 4, gapMs: 5_000, maxSeries: 3 };

describe('the samples of the charts', () => {
  it('are kept in order, and the oldest are replaced when the ring is full', () => {
    const samples = new Samples(options);
    for (let at = 1_000; at <= 6_000; at += 1_000) samples.add(at, { a: at / 1_000 });
    expect(samples.count).to.equal(4);
    expect(samples.times()).to.deep.equal([3_000, 4_000, 5_000, 6_000]);
    expect(samples.series('a')).to.deep.equal([3, 4, 5, 6]);
    expect(samples.series('a', 5_000)).to.deep.equal([5, 6]);
  });

  it('have a gap where a figure is missing, and where nothing was pulled', () => {
    const samples = new Samples(options);
    samples.add(1_000, { a: 1, b: 1 });
    samples.add(2_000, { a: 2, b: undefined });
    samples.add(9_000, { a: 3, b: 3 });
    expect(samples.times()).to.deep.equal([1_000, 2_000, 2_001, 9_000]);
    expect(samples.series('a')).to.deep.equal([1, 2, null, 3]);
    expect(samples.series('b')).to.deep.equal([1, null, null, 3]);
  });

  it('ignore a row that is not newer than the last', () => {
    const samples = new Samples(options);
    samples.add(2_000, { a: 1 });
    samples.add(2_000, { a: 2 });
    samples.add(1_000, { a: 3 });
    expect(samples.series('a')).to.deep.equal([1]);
  });

  it('start anew when the clock of the server was set back', () => {
    const samples = new Samples(options);
    samples.add(20_000, { a: 1 });
    samples.add(22_000, { a: 2 });
    samples.add(10_000, { a: 3 });
    samples.add(12_000, { a: 4 });
    expect(samples.times()).to.deep.equal([10_000, 12_000]);
    expect(samples.series('a')).to.deep.equal([3, 4]);
  });

  it('create a series at its first figure, and no more than allowed', () => {
    const samples = new Samples(options);
    samples.add(1_000, { a: 1 });
    samples.add(2_000, { a: 2, b: 5 });
    samples.add(3_000, { c: 6, d: 7 });
    expect(samples.names).to.deep.equal(['a', 'b', 'c']);
    expect(samples.series('b')).to.deep.equal([null, 5, null]);
    expect(samples.series('d')).to.deep.equal([null, null, null]);
  });

  it('of a full ring do not return when a later series reuses their place', () => {
    const samples = new Samples(options);
    for (let at = 1_000; at <= 4_000; at += 1_000) samples.add(at, { a: 1 });
    for (let at = 5_000; at <= 8_000; at += 1_000) samples.add(at, { b: 2 });
    expect(samples.series('a')).to.deep.equal([null, null, null, null]);
    expect(samples.series('b')).to.deep.equal([2, 2, 2, 2]);
  });
});
