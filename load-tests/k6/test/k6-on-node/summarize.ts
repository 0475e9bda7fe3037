import type { Options } from 'k6/options';
import { kinds, samples } from './metrics.ts';

interface MetricSummary {
  type: string;
  values: Record<string, number>;
  thresholds?: Record<string, { ok: boolean }>;
}

/** What k6 counts by itself; there is nothing of it here. */
const BUILT_IN: Record<string, string> = { ws_sessions: 'counter' };

/**
 * What k6 hands to `handleSummary`: metrics with samples, and every one that a threshold names, also by tag. Throws for a
 * threshold that k6 would not take.
 */
export function summarize({ thresholds = {}, summaryTrendStats = [] }: Options) {
  const metrics: Record<string, MetricSummary> = {};
  const names = new Set([...samples.map(({ metric }) => metric), ...Object.keys(thresholds)]);
  let failed = false;
  for (const name of names) {
    const [, metric = '', tags] = /^(\w+)(?:\{(.+)\})?$/.exec(name) ?? [];
    const type = kinds.get(metric) ?? BUILT_IN[metric];
    if (!type) throw new Error(`a threshold names the metric ${name}, which there is not`);
    const [tag = '', wanted] = tags?.split(':') ?? [];
    const some = samples.filter((sample) => sample.metric === metric && (!tag || sample.tags[tag] === wanted));
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
  const sorted = values.sort((a, b) => a - b);
  return Object.fromEntries(stats.map((stat) => [stat, statOf(stat, sorted)]));
}

function statOf(stat: string, sorted: readonly number[]): number {
  if (stat === 'count') return sorted.length;
  const [, percent] = /^p\(([\d.]+)\)$/.exec(stat) ?? [];
  const share = { min: 0, med: 0.5, max: 1 }[stat] ?? Number(percent) / 100;
  if (Number.isNaN(share)) throw new Error(`no stat of a trend: ${stat}`);
  return sorted[Math.round(share * (sorted.length - 1))] ?? 0;
}

function holds(threshold: string, values: Record<string, number>): boolean {
  const [, stat = '', operator, limit] = /^([^<>=]+)(<=|>=|<|>)(-?[\d.]+)$/.exec(threshold) ?? [];
  const value = values[stat];
  if (value === undefined) throw new Error(`a threshold that k6 does not know: ${threshold}`);
  if (operator === '<=') return value <= Number(limit);
  if (operator === '>=') return value >= Number(limit);
  return operator === '<' ? value < Number(limit) : value > Number(limit);
}
