import { expect } from 'chai';
import { averagePerMinute, summarizeSeries } from '../../src/cluster/flow/summarize-series.ts';

describe('the text alternative of a chart', () => {
  it('has the last, lowest and highest figure', () => {
    expect(summarizeSeries([null, 3, 1, 2])).to.deep.equal({ last: 2, low: 1, high: 3 });
    expect(summarizeSeries([5, null])).to.deep.equal({ last: null, low: 5, high: 5 });
    expect(summarizeSeries([null, null])).to.equal(undefined);
    expect(summarizeSeries([])).to.equal(undefined);
  });

  it('has the average of each minute, newest first, without the gaps', () => {
    const times = [60_000, 90_000, 120_000, 179_000];
    const rows = averagePerMinute(times, [
      [1, 3, null, null],
      [null, 4, 6, 8],
    ]);
    expect(rows).to.deep.equal([
      { minute: 120_000, averages: [null, 7] },
      { minute: 60_000, averages: [2, 4] },
    ]);
  });
});
