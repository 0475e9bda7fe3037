import { expect } from 'chai';
import { barChart, chartSvg, lineChart } from '../src/chart.ts';
import { elementsOf } from './well-formed.ts';

const LINES = lineChart('cpu', 'a < b & "c"', 'gateways', 'µs', [
  {
    name: 'one',
    points: [
      [1, 120],
      [8, 340],
    ],
  },
  {
    name: 'two',
    points: [
      [1, 90],
      [2, Number.POSITIVE_INFINITY],
    ],
  },
]);
const BARS = barChart('parts', 'parts', 'µs', [
  { name: 'sharded 1', parts: { redis: 3, workers: 4 } },
  { name: 'nothing', parts: { redis: 0 } },
]);
describe('a chart', () => {
  for (const chart of [LINES, BARS]) {
    it(`of ${chart.kind} is well-formed, with its title, its axes and all of its marks`, () => {
      const svg = chartSvg(chart);
      const count = (name: string) => elementsOf(svg).filter((element) => element === name).length;
      expect(svg).to.include(chart.name === 'cpu' ? 'a &lt; b &amp; &quot;c&quot;' : chart.title);
      expect(svg).to.include('>µs</text>').and.include('prefers-color-scheme: dark');
      // Three points; or three parts, and a mark in the legend for each of two names.
      if (chart.kind === 'lines') expect([count('circle'), svg.includes('>gateways</text>')]).to.deep.equal([3, true]);
      else expect(count('rect')).to.equal(5);
      expect(svg).to.not.match(/NaN|Infinity|undefined/);
    });
  }
});
