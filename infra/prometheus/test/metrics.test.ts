import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { expect } from 'chai';
import { metricsOf } from './registered-metrics.ts';
import type { Metric } from './report-metrics.ts';

const FILE = join(repository, 'infra/METRICS.md');

/** Allowed labels. Each has few values, whatever clients send. */
const ALLOWED_LABELS = [
  'addresses',
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
  const chatMetrics = () => [...gateway, ...worker, ...prober].filter(({ name }) => name.startsWith('chat_'));

  before(async () => {
    const supervisor = metricsOf('gateway', { GATEWAY_PROCESSES: '2' });
    [gateway, worker, prober] = await Promise.all([metricsOf('gateway'), metricsOf('worker'), metricsOf('prober')]);
    gateway.push(...(await supervisor).filter(({ name }) => gateway.every((metric) => metric.name !== name)));
  });

  it('are those in infra/METRICS.md', () => {
    const text = tableOf(gateway, worker, prober);
    if (process.env.UPDATE_METRICS) writeFileSync(FILE, text);
    const hint = 'infra/METRICS.md is not up to date: run this test with UPDATE_METRICS=1, and review the diff';
    expect(readFileSync(FILE, 'utf8'), hint).to.equal(text);
  });

  it('have only labels with few values', () => {
    for (const { name, labels } of chatMetrics()) expect(ALLOWED_LABELS, name).to.include.members(labels);
  });

  it('have names that end in their unit, and counters in _total', () => {
    for (const { name, type } of chatMetrics()) {
      expect(name.endsWith('_total'), name).to.equal(type === 'counter');
      if (type === 'histogram') expect(name).to.match(/_(seconds|bytes|entries|joined)$/);
    }
  });
});

/** The content of infra/METRICS.md. */
function tableOf(gateway: readonly Metric[], worker: readonly Metric[], prober: readonly Metric[]): string {
  const byName = new Map([...prober, ...gateway, ...worker].map((metric) => [metric.name, metric]));
  const has = (metrics: readonly Metric[], name: string) => metrics.some((metric) => metric.name === name);
  const sectionOf = (name: string) => {
    if (!name.startsWith('chat_')) return 'node';
    if (has(gateway, name) && has(worker, name)) return 'both';
    if (has(prober, name)) return 'prober';
    return has(gateway, name) ? 'gateway' : 'worker';
  };
  const table = (title: string, section: ReturnType<typeof sectionOf>) => {
    const metrics = [...byName.values()].filter(({ name }) => sectionOf(name) === section);
    const rows = metrics.sort((a, b) => (a.name < b.name ? -1 : 1)).map(rowOf);
    return [`## ${title}`, '', '| metric | type | labels | meaning |', '|---|---|---|---|', ...rows, ''].join('\n');
  };
  return [
    '# Metrics',
    '',
    'Generated from the metrics that gateways, workers and the prober register, by',
    '`UPDATE_METRICS=1 npm test -- infra/prometheus/test/metrics.test.ts`. A test keeps it up to date. No label contains the id of a',
    'user, a conversation or a connection.',
    '',
    table('Gateways', 'gateway'),
    table('Workers', 'worker'),
    table('Gateways and workers', 'both'),
    table('Prober', 'prober'),
    table('Node.js, in every process', 'node'),
  ].join('\n');
}

function rowOf({ name, type, labels, help }: Metric): string {
  return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(' ')} | ${help.replaceAll('|', '\\|')} |`;
}
