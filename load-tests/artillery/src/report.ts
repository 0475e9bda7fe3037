import { readFileSync } from 'node:fs';
import { alignRows } from '@chat-cluster/testkit/report';

/** Percentiles of one metric, in milliseconds. */
interface Summary {
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

/** A period of 10 s, or the whole run. Artillery omits metrics that were not counted. */
export interface Period {
  counters?: Record<string, number>;
  summaries?: Record<string, Summary>;
  firstMetricAt?: number;
  lastMetricAt?: number;
}

/** The file that `artillery run --output` writes. */
export interface Report {
  aggregate: Period;
  intermediate: Period[];
}

/** Most rows of the timeline, so that it fits a screen: a row may cover several periods. */
const MAX_ROWS = 24;

export function readReport(file: string): Report {
  return JSON.parse(readFileSync(file, 'utf8')) as Report;
}

/** Errors and their number. Artillery's exit code reflects thresholds only. */
export function errorsOf({ aggregate }: Report): [name: string, times: number][] {
  return Object.entries(aggregate.counters ?? {})
    .filter(([name, times]) => name.startsWith('errors.') && times > 0)
    .map(([name, times]) => [name.slice('errors.'.length), times]);
}

/** The result as lines of text. */
export function resultLines(report: Report): string[] {
  const { aggregate } = report;
  const { firstMetricAt = 0, lastMetricAt = 0 } = aggregate;
  const n = (name: string) => aggregate.counters?.[name] ?? 0;
  return [
    `  pairs      ${n('vusers.created')} started, ${n('vusers.completed')} completed, ${n('vusers.failed')} failed, ` +
      `in ${((lastMetricAt - firstMetricAt) / 1_000).toFixed(1)} s`,
    `  messages   ${n('chat.sent')} sent, ${n('chat.acked')} acked, ${n('chat.delivered')} of ${n('chat.expected')} delivered; ` +
      `${n('chat.lost')} lost, ${n('chat.duplicated')} duplicated, ${n('chat.out_of_order')} out of order`,
    '',
    ...latencyTable(aggregate),
    ...timeline(report.intermediate),
    '',
    ...errorLines(errorsOf(report)),
  ];
}

const LATENCIES: readonly [metric: string, name: string][] = [
  ['chat.ack_ms', 'ack'],
  ['chat.delivery_ms', 'delivery'],
  ['chat.change_ms', 'change'],
  ['chat.connect_ms', 'connect'],
  ['chat.back_ms', 'back in sync'],
];

function latencyTable({ summaries }: Period): string[] {
  const rows = LATENCIES.flatMap(([metric, name]) => {
    const summary = summaries?.[metric];
    return summary ? [[name, ms(summary.p50), ms(summary.p95), ms(summary.p99), ms(summary.max)]] : [];
  });
  return rows.length === 0 ? [] : table([['ms', 'p50', 'p95', 'p99', 'max'], ...rows]);
}

/** The run in rows: sums, and the highest p99 of the periods of a row. Empty for a run of one or two periods. */
function timeline(periods: readonly Period[]): string[] {
  if (periods.length < 3) return [];
  const size = Math.ceil(periods.length / MAX_ROWS);
  const startedAt = periods[0]?.firstMetricAt ?? 0;
  const rows = Array.from({ length: Math.ceil(periods.length / size) }, (_, index) => {
    const part = periods.slice(index * size, (index + 1) * size);
    const sum = (name: string) => part.reduce((total, { counters }) => total + (counters?.[name] ?? 0), 0);
    const highest = (name: string) => Math.max(...part.map(({ summaries }) => summaries?.[name]?.p99 ?? Number.NaN));
    const errors = part.flatMap((period) => errorsOf({ aggregate: period, intermediate: [] }));
    return [
      `${Math.round(((part[0]?.firstMetricAt ?? startedAt) - startedAt) / 1_000)} s`,
      String(sum('vusers.created')),
      String(sum('chat.acked')),
      ms(highest('chat.ack_ms')),
      ms(highest('chat.delivery_ms')),
      String(errors.reduce((total, [, times]) => total + times, 0)),
    ];
  });
  return ['', ...table([['from', 'pairs', 'acked', 'ack p99', 'delivery p99', 'errors'], ...rows])];
}

function errorLines(errors: readonly [string, number][]): string[] {
  if (errors.length === 0) return ['  errors     none'];
  return ['  errors', ...errors.map(([name, times]) => `    ${times} × ${name}`)];
}

function ms(value: number): string {
  return Number.isNaN(value) ? '–' : value.toFixed(value < 100 ? 1 : 0);
}

function table(rows: readonly (readonly string[])[]): string[] {
  return alignRows(rows).map((row) => `  ${row}`);
}
