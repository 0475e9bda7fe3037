import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import { expect } from 'chai';
import { cpuSeconds } from '../src/cpu.ts';
import type { Report } from '../src/experiment.ts';
import { parseOptions } from '../src/pairs/options.ts';
import { type Chart, chartSvg } from '../src/results/chart.ts';
import { saveReport } from '../src/results/save.ts';
import type { Sample } from '../src/scale/measure.ts';
import { parseScaleOptions } from '../src/scale/options.ts';
import { reportScale } from '../src/scale/report.ts';
import { median, percentile } from '../src/statistics.ts';
import { elementsOf } from './well-formed.ts';

const LINES: Chart = {
  kind: 'lines',
  name: 'cpu',
  title: 'a < b & "c"',
  x: 'gateways',
  y: 'µs',
  series: [
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
  ],
};
const BARS: Chart = {
  kind: 'bars',
  name: 'parts',
  title: 'parts',
  y: 'µs',
  groups: [
    {
      name: 'sharded 1',
      parts: [
        { name: 'redis', value: 3 },
        { name: 'workers', value: 4 },
      ],
    },
    { name: 'nothing', parts: [{ name: 'redis', value: 0 }] },
  ],
};

describe('the options of bench', () => {
  it('of pairs are as they were, with defaults', () => {
    const options = parseOptions(['--in-flight', '50', '--seconds=2'], () => {});
    expect(options).to.include({ inFlight: 50, seconds: 2, warmUpSeconds: 3, pairs: 100, rate: 0 });
  });

  it('of scale name numbers of gateways, in order and once each', () => {
    expect(parseScaleOptions(['--gateways', '8,2,2']).gateways).to.deep.equal([2, 8]);
    expect(parseScaleOptions([])).to.include({ rate: 120, users: 200, rounds: 3 });
  });

  for (const args of [
    ['--rate', 'fast'],
    ['--rate', '0'],
    ['--rate', '1,2'],
    ['--gateways', '0'],
    ['--speed', '1'],
  ]) {
    it(`refuses ${args.join(' ')}`, () => {
      expect(() => parseScaleOptions(args)).to.throw(UserError);
    });
  }
});

describe('the figures of bench', () => {
  it('are medians and percentiles', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).to.deep.equal([2, 2.5, 0]);
    const hundred = Array.from({ length: 100 }, (_, i) => i);
    expect([percentile(hundred, 0.5), percentile(hundred, 0.99), percentile(hundred, 1)]).to.deep.equal([50, 99, 99]);
  });

  it('count the CPU of a process, and add up those of one name', async () => {
    const until = process.cpuUsage().user + 100_000;
    while (process.cpuUsage().user < until);
    const { user, system } = process.cpuUsage();
    const self = { name: 'self', pid: process.pid };
    const one = (await cpuSeconds([self])).get('self') ?? 0;
    const two = (await cpuSeconds([self, self])).get('self') ?? 0;
    expect(one).to.be.at.least((user + system) / 1e6 - 0.05);
    expect(two).to.be.within(one * 1.9, one * 2.2);
  });
});

describe('the verdict of scale', () => {
  it('is on the growth of the CPU, and void where batches grew with it', () => {
    const verdictOf = (cpu: number, batchEntries: number) =>
      reportScale([sample(2, 1_000, 1.1), sample(8, cpu, batchEntries)], parseScaleOptions([])).verdicts[0];
    expect(verdictOf(1_200, 1.1)).to.include({ ok: true }).and.have.property('text').that.includes('1.20 times');
    expect(verdictOf(1_400, 1.1)).to.include({ ok: false });
    expect(verdictOf(600, 2)).to.include({ ok: false }).and.have.property('text').that.includes('void');
  });
});

/** Of the sharded adapter, with `cpu` µs a message. */
function sample(gateways: number, cpu: number, batchEntries: number): Sample {
  const used = { postgres: 0, redis: 0, gateways: cpu, workers: 0, sum: cpu };
  const latency = { p50: 5, p99: 10 };
  return {
    adapter: 'sharded',
    gateways,
    round: 0,
    background: used,
    cpu: used,
    net: used,
    generatorCpu: 100,
    published: 3,
    received: 3,
    useful: 3,
    batchEntries,
    messages: 2_000,
    deliveredPerSecond: 200,
    ack: latency,
    delivery: latency,
    refused: 0,
    lost: 0,
    duplicated: 0,
    reordered: 0,
  };
}

describe('a chart', () => {
  for (const chart of [LINES, BARS]) {
    it(`of ${chart.kind} is well-formed, with its title, its axes and all of its marks`, () => {
      const svg = chartSvg(chart);
      const elements = elementsOf(svg);
      expect(svg).to.include(chart.name === 'cpu' ? 'a &lt; b &amp; &quot;c&quot;' : chart.title);
      expect(svg).to.include('>µs</text>').and.include('prefers-color-scheme: dark');
      if (chart.kind === 'lines') {
        expect(elements.filter((name) => name === 'circle')).to.have.length(3);
        expect(svg).to.include('>gateways</text>');
      } else {
        // Three parts, and a mark of the legend for each of two names.
        expect(elements.filter((name) => name === 'rect')).to.have.length(5);
      }
      expect(svg).to.not.match(/NaN|Infinity|undefined/);
    });
  }
});

describe('a saved report', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-results-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const report: Report = {
    title: 'What it costs',
    method: 'Measured.',
    figures: { cpu: 1 / 3 },
    tables: [{ caption: 'CPU', columns: ['adapter', 'µs'], rows: [['sharded', 12]] }],
    charts: [LINES],
    verdicts: [{ text: 'too much', ok: false }],
  };

  it('has figures, a page with its command, charts, and a line in the index', async () => {
    await saveReport('scale', ['--rate', '5'], report, folder);
    const read = (file: string) => readFileSync(join(folder, file), 'utf8');
    const { command, machine, figures } = JSON.parse(read('scale.json'));
    expect(command).to.equal('npm run bench -- scale --rate 5');
    expect(figures).to.deep.equal({ cpu: 0.3333 });
    expect(machine).to.have.all.keys('cpu', 'cores', 'memoryGb', 'kernel', 'node', 'redis', 'postgres', 'commit');
    expect(read('scale.md')).to.include('| sharded | 12 |').and.include(command).and.include('(scale-cpu.svg)');
    expect(read('README.md')).to.include('[What it costs](scale.md)').and.include('1 missed');
  });

  it('leaves no chart of an earlier one behind', async () => {
    await saveReport('scale', [], { ...report, charts: [BARS] }, folder);
    const charts = readdirSync(folder).filter((file) => file.endsWith('.svg'));
    expect(charts).to.deep.equal(['scale-parts.svg']);
  });
});
