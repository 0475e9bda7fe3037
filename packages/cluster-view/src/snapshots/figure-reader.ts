import { type Metric, register } from 'prom-client';
import type { Bucket, Snapshot } from './snapshot.ts';

/** The part of a metric that a snapshot has. `label`: one figure for each of its values; without it the sum of all. */
interface Source {
  as: 'gauge' | 'total' | 'difference' | 'buckets';
  label?: string;
  /** Only the values with these labels. */
  only?: Readonly<Record<string, string>>;
}

/** The metrics in a snapshot. A process has only some of them. None of them visits all connections when it is read. */
const SOURCES: Readonly<Record<string, Source>> = {
  chat_connections: { as: 'gauge' },
  chat_postgres_pool_waiting: { as: 'gauge' },
  chat_dead_letters: { as: 'gauge' },
  chat_lane_held: { as: 'gauge', label: 'lane' },
  chat_lane_oldest_age_seconds: { as: 'gauge', label: 'lane' },
  chat_dependency_up: { as: 'gauge', label: 'dependency' },
  chat_unread_drift_total: { as: 'total' },
  chat_dead_letters_lost_total: { as: 'total' },
  chat_store_set_back_total: { as: 'total' },
  chat_handshakes_total: { as: 'difference', label: 'result' },
  chat_events_total: { as: 'difference', label: 'result' },
  chat_lane_refused_total: { as: 'difference', label: 'reason' },
  chat_fanout_received_total: { as: 'difference' },
  chat_fanout_useful_total: { as: 'difference' },
  chat_connections_cut_total: { as: 'difference' },
  chat_store_results_total: { as: 'difference', label: 'result' },
  chat_store_retries_total: { as: 'difference' },
  chat_lane_batch_entries: { as: 'buckets' },
  chat_event_duration_seconds: { as: 'buckets', only: { event: 'send_message' } },
  chat_store_batch_seconds: { as: 'buckets' },
  chat_delivery_seconds: { as: 'buckets' },
  chat_redis_probe_seconds: { as: 'buckets' },
  chat_postgres_probe_seconds: { as: 'buckets' },
};

type Figures = Pick<Snapshot, 'gauges' | 'totals' | 'increasedAt' | 'differences' | 'buckets'>;
type Values = Awaited<ReturnType<Metric['get']>>['values'];

/** Reads the metrics of this process. The differences are those since the last call. */
export class FigureReader {
  readonly #before = new Map<string, number>();
  readonly #increasedAt: Record<string, number> = {};

  async read(): Promise<Figures> {
    const increasedAt = this.#increasedAt;
    const figures: Figures = { gauges: {}, totals: {}, increasedAt, differences: {}, buckets: {} };
    for (const [name, source] of Object.entries(SOURCES)) {
      const metric = register.getSingleMetric(name);
      if (!metric) continue;
      const { values } = await metric.get();
      const chosen = values.filter(({ labels }) => hasLabels(labels, source.only));
      if (source.as === 'buckets') this.#readHistogram(name, chosen, figures);
      else this.#readValues(name, source, chosen, figures);
    }
    return figures;
  }

  #readValues(name: string, { as, label }: Source, values: Values, figures: Figures): void {
    for (const { value, labels } of values) {
      const key = label === undefined ? name : `${name}:${labels[label as never]}`;
      if (as === 'gauge') figures.gauges[key] = (figures.gauges[key] ?? 0) + value;
      else if (as === 'total') figures.totals[key] = (figures.totals[key] ?? 0) + value;
      else figures.differences[key] = (figures.differences[key] ?? 0) + value;
    }
    if (as === 'total' && this.#difference(name, figures.totals[name] ?? 0) > 0) this.#increasedAt[name] = Date.now();
    if (as !== 'difference') return;
    for (const key of Object.keys(figures.differences)) {
      if (key !== name && !key.startsWith(`${name}:`)) continue;
      const difference = this.#difference(key, figures.differences[key] ?? 0);
      if (difference > 0) figures.differences[key] = difference;
      else delete figures.differences[key];
    }
  }

  /** Observations per bucket, not cumulative, and the sum as a difference. Buckets without observations are left out. */
  #readHistogram(name: string, values: Values, figures: Figures): void {
    const cumulative = new Map<number | null, number>();
    let sum = 0;
    for (const { value, labels, ...rest } of values) {
      const { metricName } = rest as { metricName?: string };
      if (metricName === `${name}_sum`) sum += value;
      if (metricName !== `${name}_bucket`) continue;
      const { le } = labels as { le?: number | string };
      const bound = le === '+Inf' ? null : Number(le);
      cumulative.set(bound, (cumulative.get(bound) ?? 0) + value);
    }
    const bounds = [...cumulative.keys()].sort((a, b) => (a ?? Infinity) - (b ?? Infinity));
    let below = 0;
    let lower = 0;
    const buckets = bounds.flatMap((bound): Bucket[] => {
      const upTo = this.#difference(`${name}:${bound}`, cumulative.get(bound) ?? 0);
      const one: Bucket = [lower, bound, upTo - below];
      below = upTo;
      lower = bound ?? lower;
      return one[2] > 0 ? [one] : [];
    });
    if (buckets.length > 0) figures.buckets[name] = buckets;
    const added = this.#difference(`${name}:sum`, sum);
    if (added > 0) figures.differences[`${name}_sum`] = added;
  }

  #difference(key: string, now: number): number {
    const before = this.#before.get(key) ?? 0;
    this.#before.set(key, now);
    return now - before;
  }
}

function hasLabels(labels: object, wanted: Source['only'] = {}): boolean {
  return Object.entries(wanted).every(([name, value]) => (labels as Record<string, unknown>)[name] === value);
}
