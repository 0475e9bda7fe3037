import { quantile } from '@chat-cluster/testkit';
import type { Options } from 'k6/options';
import { kinds, samples } from './metrics.ts';

interface MetricSummary {
  type: string;
  values: Record<string, number>;
  thresholds?: Record<string, { ok: boolean }>;
}

/** k6's own metrics. They have no samples here. */
const BUILT_IN: Record<string, string> = { ws_sessions: 'counter' };

/**
 * The argument of `handleSummary`: metrics with samples, and every metric that a threshold names, also by tag. Throws
 * for a threshold that k6 would reject.
 */
export function summarize({ thresholds = {}, summaryTrendStats = [] }: Options) {
  const metrics: Record<string, MetricSummary> = {};
  const names = new Set([...samples.map(({ metric }) => metric), ...Object.keys(thresholds)]);
  let failed = false;
  for (const name of names) {
    const [, metric = '', tags] = /^(\w+)(?:\{(.+)\})?$/.exec(name) ?? [];
    const type = kinds.get(metric) ?? BUILT_IN[metric];
    if (!type) throw new Error(`a threshold names ${name}, but there is no such metric`);
    const [tag = '', expected] = tags?.split(':') ?? [];
    const some = samples.filter((sample) => sample.metric === metric && (!tag || sample.tags[tag] === expected));
    const values = valuesOf(
      type,
      some.map(({ value }) => value),
      summaryTrendStats,
    );
    const summary: MetricSummary = { type, values };
    for (const threshold of thresholds[name] ?? []) {
      const ok = holds(String(threshold), values);
      summary.thresholds = { ...summary.thresholds, [String(threshold)]: { ok } };
      failed ||= !ok;
    }
    metrics[name] = summary;
  }
  return { metrics, failed };
}

function valuesOf(type: string, values: number[], stats: readonly string[]): Record<string, number> {
  const sum = values.reduce((total, value) => total + value, 0);
  if (type === 'counter') return { count: sum, rate: sum / (performance.now() / 1_000) };
  if (type === 'rate') {
    return { rate: values.length > 0 ? sum / values.length : 0, passes: sum, fails: values.length - sum };
  }
  return Object.fromEntries(stats.map((stat) => [stat, statOf(stat, values)]));
}

function statOf(stat: string, values: readonly number[]): number {
  if (stat === 'count') return values.length;
  const [, percent] = /^p\(([\d.]+)\)$/.exec(stat) ?? [];
  const share = { min: 0, med: 0.5, max: 1 }[stat] ?? Number(percent) / 100;
  if (Number.isNaN(share)) throw new Error(`a trend has no statistic ${stat}`);
  return values.length === 0 ? 0 : quantile(values, share);
}

function holds(threshold: string, values: Record<string, number>): boolean {
  const [, stat = '', operator, limit] = /^([^<>=]+)(<=|>=|<|>)(-?[\d.]+)$/.exec(threshold) ?? [];
  const value = values[stat];
  if (value === undefined) throw new Error(`k6 has no such threshold: ${threshold}`);
  if (operator === '<=') return value <= Number(limit);
  if (operator === '>=') return value >= Number(limit);
  return operator === '<' ? value < Number(limit) : value > Number(limit);
}
