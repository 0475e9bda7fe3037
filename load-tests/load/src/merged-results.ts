import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { addUp, type Counts, noCounts } from './counts.ts';
import { LATENCY_KINDS, type Latencies, type LatencyKind } from './meter.ts';
import type { Done, Sample } from './protocol.ts';

/** Percentiles in milliseconds; all 0 without samples. */
export interface Percentiles {
  count: number;
  p50: number;
  p75: number;
  p90: number;
  p95: number;
  p99: number;
  p999: number;
  max: number;
}

/** Figures of about one second of a run. */
export interface Moment {
  /** End of this second, in seconds since the measured time began. */
  at: number;
  /** Rates per second. */
  sent: number;
  acked: number;
  delivered: number;
  ack: Percentiles;
  delivery: Percentiles;
  inFlight: number;
  connected: number;
  /** Late deliveries and wrong badges at this moment. */
  missing: number;
  badgesOff: number;
  /** CPU use of the busiest generator process, 0 to 1. */
  cpu: number;
  /** Since the start. */
  counts: Counts;
}

type Histograms = Record<LatencyKind, RecordableHistogram>;

/**
 * The results of all generator processes, merged: exact counts, and histograms with three significant digits, whose
 * size does not grow with the run. (`quantile` of testkit is for values that are at hand.)
 */
export class MergedResults {
  readonly details: string[] = [];
  cpuMicroseconds = 0;
  rss: number[] = [];
  #samples: (Sample | undefined)[];
  #counts: Counts[];
  #previous: { at: number; counts: Counts };
  #current: Histograms = histograms();
  #whole: Histograms = histograms();

  /** The processes begin to send `warmUp` seconds before the measured time. */
  constructor(processes: number, warmUp: number) {
    this.#previous = { at: -warmUp, counts: noCounts() };
    this.#samples = Array.from({ length: processes });
    this.#counts = Array.from({ length: processes }, noCounts);
  }

  get counts(): Counts {
    return addUp(this.#counts);
  }

  /** Latencies of the whole run. */
  whole(kind: LatencyKind): Percentiles {
    return percentiles(this.#whole[kind]);
  }

  add(process: number, sample: Sample): void {
    this.#samples[process] = sample;
    this.#record(process, sample);
  }

  addLast(process: number, done: Done): void {
    this.#record(process, done);
    this.#addCurrentToWhole();
    this.details.push(...done.details);
    this.cpuMicroseconds += done.cpuMicroseconds;
    this.rss.push(done.rss);
  }

  /** Figures since the previous call. undefined until each process has sent a sample, and without a new one. */
  moment(): Moment | undefined {
    const samples = this.#samples.filter((sample) => sample !== undefined);
    if (samples.length < this.#samples.length) return undefined;
    const at = Math.max(...samples.map((sample) => sample.at));
    const counts = this.counts;
    const before = this.#previous;
    const seconds = at - before.at;
    if (seconds <= 0) return undefined;
    const sum = (value: (sample: Sample) => number) => samples.reduce((total, sample) => total + value(sample), 0);
    const perSecond = (name: 'sent' | 'acked' | 'delivered') => (counts[name] - before.counts[name]) / seconds;
    const moment: Moment = {
      at,
      sent: perSecond('sent'),
      acked: perSecond('acked'),
      delivered: perSecond('delivered'),
      ack: percentiles(this.#current.acks),
      delivery: percentiles(this.#current.deliveries),
      inFlight: sum(({ inFlight }) => inFlight),
      connected: sum(({ connected }) => connected),
      missing: sum(({ missing }) => missing),
      badgesOff: sum(({ badgesOff }) => badgesOff),
      cpu: Math.max(...samples.map(({ cpu }) => cpu)),
      counts,
    };
    this.#previous = { at, counts };
    this.#addCurrentToWhole();
    return moment;
  }

  #record(process: number, { counts, latencies }: { counts: Counts; latencies: Latencies }): void {
    this.#counts[process] = counts;
    for (const kind of LATENCY_KINDS)
      for (const microseconds of latencies[kind]) this.#current[kind].record(microseconds);
  }

  #addCurrentToWhole(): void {
    for (const kind of LATENCY_KINDS) this.#whole[kind].add(this.#current[kind]);
    this.#current = histograms();
  }
}

function histograms(): Histograms {
  const make = () => createHistogram({ lowest: 1, highest: 2 ** 32, figures: 3 });
  return { acks: make(), deliveries: make(), recoveries: make(), lateness: make() };
}

function percentiles(histogram: RecordableHistogram): Percentiles {
  const { count } = histogram;
  const ms = (percent: number) => (count === 0 ? 0 : histogram.percentile(percent) / 1_000);
  return {
    count,
    p50: ms(50),
    p75: ms(75),
    p90: ms(90),
    p95: ms(95),
    p99: ms(99),
    p999: ms(99.9),
    max: count === 0 ? 0 : histogram.max / 1_000,
  };
}
