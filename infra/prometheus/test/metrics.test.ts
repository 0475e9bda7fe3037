import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { expect } from 'chai';
import { metricsOf } from './registered-metrics.ts';
import type { Metric } from './tell-metrics.ts';

const FILE = join(repository, 'infra/METRICS.md');

/** What may stand in a label: each has few values, whatever clients do. */
const LABELS = [
  'dependency',
  'event',
  'kind',
  'lane',
  'method',
  'reason',
  'result',
  'route',
  'source',
  'state',
  'status',
  'to',
];

describe('the metrics', () => {
  let gateway: Metric[];
  let worker: Metric[];
  let prober: Metric[];
  const ours = () => [...gateway, ...worker, ...prober].filter(({ name }) => name.startsWith('chat_'));

  before(async () => {
    [gateway, worker, prober] = await Promise.all([metricsOf('gateway'), metricsOf('worker'), metricsOf('prober')]);
  });

  it('stand in infra/METRICS.md', () => {
    const text = tableOf(gateway, worker, prober);
    if (process.env.UPDATE_METRICS) writeFileSync(FILE, text);
    const hint =
      'infra/METRICS.md is not what the processes have; run this test with UPDATE_METRICS=1, and read the diff';
    expect(readFileSync(FILE, 'utf8'), hint).to.equal(text);
  });

  it('have labels of few values', () => {
    for (const { name, labels } of ours()) expect(LABELS, name).to.include.members(labels);
  });

  it('have names that tell the unit, counters those of a total', () => {
    for (const { name, type } of ours()) {
      expect(name.endsWith('_total'), name).to.equal(type === 'counter');
      if (type === 'histogram') expect(name).to.match(/_(seconds|bytes|entries|joined)$/);
    }
  });
});

function tableOf(gateway: readonly Metric[], worker: readonly Metric[], prober: readonly Metric[]): string {
  const byName = new Map([...prober, ...gateway, ...worker].map((metric) => [metric.name, metric]));
  const has = (metrics: readonly Metric[], name: string) => metrics.some((metric) => metric.name === name);
  const whereOf = (name: string) => {
    if (!name.startsWith('chat_')) return 'node';
    if (has(gateway, name) && has(worker, name)) return 'both';
    if (has(prober, name)) return 'prober';
    return has(gateway, name) ? 'gateway' : 'worker';
  };
  const section = (title: string, where: ReturnType<typeof whereOf>) => {
    const rows = [...byName.values()].filter(({ name }) => whereOf(name) === where);
    const sorted = rows.sort((a, b) => (a.name < b.name ? -1 : 1));
    return [`## ${title}`, '', '| metric | type | labels | |', '|---|---|---|---|', ...sorted.map(rowOf), ''].join(
      '\n',
    );
  };
  return [
    '# Metrics',
    '',
    'Made from what gateways, workers and the prober register, by `UPDATE_METRICS=1 npm test -- infra/prometheus/test/metrics.test.ts`;',
    'a test holds it to that. No label has an id of a user, a conversation or a connection.',
    '',
    section('Gateways', 'gateway'),
    section('Workers', 'worker'),
    section('Gateways and workers', 'both'),
    section('The prober, which is optional', 'prober'),
    section('All, of Node.js', 'node'),
  ].join('\n');
}

function rowOf({ name, type, labels, help }: Metric): string {
  return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(' ')} | ${help.replaceAll('|', '\\|')} |`;
}
