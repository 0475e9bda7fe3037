import { alignRows } from '../generated/client-library.js';
import type { Plan } from './plans.ts';
import type { Settings } from './settings.ts';
import { isReal } from './thresholds.ts';

interface MetricSummary {
  values: Record<string, number>;
  thresholds?: Record<string, { ok: boolean }>;
}

/** By name, series by tag as `name{tag:value}`. */
export type Metrics = Record<string, MetricSummary>;

/**
 * The metrics in the argument of `handleSummary`: an object by name, or the list of k6's newer "machine readable" form,
 * which contains no thresholds.
 */
export function metricsOf(data: unknown): Metrics {
  type List = ({ name: string } & MetricSummary)[];
  const { metrics, results } = data as { metrics?: Metrics; results?: { metrics?: List } };
  return metrics ?? Object.fromEntries((results?.metrics ?? []).map((metric) => [metric.name, metric]));
}

/** The results on one screen. */
export function summaryText(plan: Plan, settings: Settings, metrics: Metrics): string {
  const results = thresholdResults(metrics);
  const failed = results.filter(({ ok }) => !ok).length;
  return [
    '',
    `  ${plan.name}: ${plan.question}`,
    '',
    ...rows(metrics).map(([name, text]) => `  ${name.padEnd(12)}${text}`),
    '',
    ...alignRows([HEAD, ...plan.phases(settings).map(({ name }) => phaseRow(metrics, name))]).map((row) => `  ${row}`),
    '',
    ...results.map(({ ok, text }) => `  ${ok ? '✔' : '✖'} ${text}`),
    '',
    failed === 0 ? '  ✔ All thresholds are met.' : `  ✖ ${failed} of ${results.length} thresholds are missed.`,
    '',
    '',
  ].join('\n');
}

/** The results as JSON: the settings without the secret, and each metric with its thresholds. */
export function summaryJson(plan: Plan, settings: Settings, metrics: Metrics): string {
  const { JWT_SECRET: _, ...shown } = settings;
  const ok = thresholdResults(metrics).every((result) => result.ok);
  return `${JSON.stringify({ scenario: plan.name, ok, settings: shown, metrics }, undefined, 2)}\n`;
}

function rows(metrics: Metrics): [string, string][] {
  const count = (name: string) => whole(metrics[name]?.values.count || 0);
  const trend = (name: string) => trendText(metrics[name]?.values);
  const failedConnects = `${count('chat_failed_connects')} attempts failed (${count('ws_sessions{status:503}')} × 503)`;
  const refusals = ['OVERLOADED', 'RATE_LIMITED'].map((code) => `${count(`chat_refused{code:${code}}`)} ${code}`);
  return [
    ['connects', `${trend('chat_connect_ms')}; ${failedConnects}, ${count('chat_refused_connects')} tokens refused`],
    ['reconnects', `${count('chat_reconnects')}; from the loss to in sync: ${trend('chat_recovery_ms')}`],
    [
      'messages',
      `${count('chat_sent')} sent, ${count('chat_acked')} acknowledged, ${count('chat_unanswered')} without an answer`,
    ],
    ['refused', `${count('chat_refused')} (${refusals.join(', ')})`],
    [
      'deliveries',
      `${count('chat_delivered')}, ${count('chat_synced')} of them by sync, ${count('chat_resent')} resends`,
    ],
    [
      'failures',
      `${count('chat_lost')} lost, ${count('chat_duplicated')} duplicated, ${count('chat_out_of_order')} out of order`,
    ],
    ['reads', `${count('chat_reads')}, ${count('chat_failed_reads')} failed; ${trend('chat_read_ms')}`],
    ['marks', `${count('chat_delivered_marks')} reports of deliveries, ${count('chat_marks_received')} marks received`],
    ['generator', `late by ${trend('chat_send_lag_ms')}`],
  ];
}

const HEAD = ['phase', 'sent', 'acked', 'ack p50', 'p95', 'p99', 'max', 'delivery p50', 'p95', 'p99', 'max'];

function phaseRow(metrics: Metrics, phase: string): string[] {
  const values = (name: string) => metrics[`${name}{phase:${phase}}`]?.values || {};
  const latencies = (name: string) => ['med', 'p(95)', 'p(99)', 'max'].map((stat) => ms(values(name)[stat]));
  return [
    phase,
    whole(values('chat_sent').count || 0),
    whole(values('chat_acked').count || 0),
    ...latencies('chat_ack_ms'),
    ...latencies('chat_delivery_ms'),
  ];
}

/** The results of all thresholds that can fail, ordered by metric. */
function thresholdResults(metrics: Metrics) {
  return Object.keys(metrics)
    .sort()
    .flatMap((name) => {
      const { thresholds = {}, values = {} } = metrics[name] || {};
      return Object.entries(thresholds)
        .filter(([source]) => isReal(source))
        .map(([source, { ok }]) => {
          const [stat = ''] = /^[^<>=!\s]+/.exec(source) || [];
          const value = values[stat];
          return {
            ok,
            text: `${name}: ${source}${value === undefined ? '' : ` (${Math.round(value * 10000) / 10000})`}`,
          };
        });
    });
}

function trendText(values: Record<string, number> = {}): string {
  if (!values.count) return 'none measured';
  return `p50 ${ms(values.med)}, p95 ${ms(values['p(95)'])}, p99 ${ms(values['p(99)'])}, max ${ms(values.max)}`;
}

function ms(value: number | undefined): string {
  if (value === undefined) return '–';
  return value < 10000 ? `${Math.round(value * 10) / 10} ms` : `${Math.round(value / 100) / 10} s`;
}

/** Formats 1234567 as 1,234,567. */
function whole(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
}
