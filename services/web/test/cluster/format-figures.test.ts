import { expect } from 'chai';
import {
  formatAge,
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  formatShare,
  formatTime,
} from '../../src/cluster/data/format-figures.ts';

describe('figures of the cluster view', () => {
  it('are durations with at most two units', () => {
    const durations = [0, 0.42, 9.96, 27, 999.4, 1_000, 9_940, 12_400, 59_400, 59_600, 250_000, 3_600_000, 7_500_000];
    expect(durations.map(formatDuration)).to.deep.equal([
      ...['0 ms', '0.4 ms', '10 ms', '27 ms', '999 ms', '1.0 s', '9.9 s', '12 s', '59 s'],
      ...['59 s', '4 min 10 s', '1 h', '2 h 5 min'],
    ]);
    expect(formatDuration(90_000_000)).to.equal('1 d 1 h');
    expect(formatDuration(-5)).to.equal('0 ms');
    expect(formatDuration(undefined)).to.equal('–');
    expect(formatDuration(Number.NaN)).to.equal('–');
  });

  it('are ages without fractions of seconds, and never negative', () => {
    expect([-1_500, 0, 900, 9_999, 61_000].map(formatAge)).to.deep.equal(['0 s', '0 s', '0 s', '9 s', '1 min 1 s']);
  });

  it('are bytes in decimal units', () => {
    expect([0, 812, 999.6, 812_300, 1.44e9, 9.96e9, 3.2e15].map(formatBytes)).to.deep.equal([
      ...['0 B', '812 B', '1.0 kB', '812 kB', '1.4 GB', '10 GB', '3200 TB'],
    ]);
    expect(formatBytes(undefined)).to.equal('–');
  });

  it('are counts, rates and shares that do not hide a trickle', () => {
    expect(formatCount(1_234_567)).to.equal('1,234,567');
    expect([0, 0.01, 0.3, 9.96, 1_234.5].map(formatRate)).to.deep.equal(['0', '< 0.1', '0.3', '10', '1,235']);
    expect([0, 0.0004, 0.034, 0.5, 1].map(formatShare)).to.deep.equal(['0 %', '< 0.1 %', '3.4 %', '50 %', '100 %']);
  });

  it('are times with the date only when the day differs', () => {
    const noon = new Date(2026, 10, 3, 12, 4, 5).getTime();
    expect(formatTime(noon, noon + 3_600_000)).to.equal('12:04:05');
    expect(formatTime(noon, noon + 86_400_000)).to.equal('3 Nov 2026, 12:04:05');
  });
});
