import { expect } from 'chai';
import { seededRandom } from '../src/random.ts';
import { schedule } from '../src/schedule.ts';

describe('a schedule', () => {
  const flat = { name: 'flat', seconds: 2, from: 10, to: 10 };

  it('has even times at the given rate', () => {
    const even = [...schedule([flat], { offset: 0.5 })];
    expect(even).to.have.length(20);
    expect(even[0]).to.deep.equal({ at: 50, phase: 'flat' });
    expect(even[19]?.at).to.be.closeTo(1_950, 0.001);
  });

  it('has random times with the mean and the deviation of a Poisson process', () => {
    const long = { ...flat, seconds: 5_000 };
    const times = [...schedule([long], { random: seededRandom('schedule') })].map(({ at }) => at);
    const gaps = times.map((at, i) => at - (times[i - 1] ?? 0));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
    expect(times.length).to.be.within(49_000, 51_000);
    expect(deviation / mean, '1 for an exponential distribution').to.be.within(0.97, 1.03);
    expect(times).to.deep.equal(times.toSorted((a, b) => a - b));
  });

  it('rises linearly, and continues from phase to phase', () => {
    const phases = [
      { name: 'up', seconds: 2, from: 0, to: 10 },
      { name: 'none', seconds: 1, from: 0, to: 0 },
      { name: 'flat', seconds: 1, from: 10, to: 10 },
    ];
    const all = [...schedule(phases, {})];
    const of = (name: string) => all.filter(({ phase }) => phase === name).map(({ at }) => at);
    expect([of('up').length, of('none').length, of('flat').length]).to.deep.equal([10, 0, 10]);
    expect(of('up')[1]).to.be.closeTo(632.5, 0.1);
    expect(of('flat')[0]).to.be.closeTo(3_000, 0.1);
  });

  it('is shared by generators that alternate', () => {
    const shares = [0, 1, 2, 3].map((i) => [...schedule([flat], { share: 0.25, offset: (i + 0.5) / 4 })]);
    const times = shares.flat().map(({ at }) => Math.round(at));
    expect(times.sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 20 }, (_, i) => 50 + i * 100));
  });
});
