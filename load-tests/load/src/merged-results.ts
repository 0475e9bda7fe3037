import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { addUp, type Counts, noCounts } from './counts.ts';
import type { Done } from './generator.ts';
import type { Latencies, LatencyKind } from './meter.ts';
import type { Sample } from './protocol.ts';

/** Percentiles in milliseconds; all 0 without samples. */
export type Percentiles = ReturnType<typeof percentiles>;

/** Figures of about one second of a run. */
export type Moment = NonNullable<ReturnType<MergedResults['moment']>>;

type Histograms = Map<LatencyKind, RecordableHistogram>;

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
  #current: Histograms = new Map();
  #whole: Histograms = new Map();

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
    return percentiles(histogram(this.#whole, kind));
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
  moment() {
    const samples = this.#samples.filter((sample) => sample !== undefined);
    if (samples.length < this.#samples.length) return undefined;
    const at = Math.max(...samples.map((sample) => sample.at));
    const counts = this.counts;
    const before = this.#previous;
    const seconds = at - before.at;
    if (seconds <= 0) return undefined;
    const sum = (value: (sample: Sample) => number) => samples.reduce((total, sample) => total + value(sample), 0);
    const perSecond = (name: 'sent' | 'acked' | 'delivered') => (counts[name] - before.counts[name]) / seconds;
    const moment = {
      /** End of this second, in seconds since the measured time began. */
      at,
      /** Rates per second. */
      sent: perSecond('sent'),
      acked: perSecond('acked'),
      delivered: perSecond('delivered'),
      ack: percentiles(histogram(this.#current, 'acks')),
      delivery: percentiles(histogram(this.#current, 'deliveries')),
      inFlight: sum(({ inFlight }) => inFlight),
      connected: sum(({ connected }) => connected),
      /** Late deliveries and wrong badges at this moment. */
      missing: sum(({ missing }) => missing),
      badgesOff: sum(({ badgesOff }) => badgesOff),
      /** CPU use of the busiest generator process, 0 to 1. */
      cpu: Math.max(...samples.map(({ cpu }) => cpu)),
      /** Since the start. */
      counts,
    };
    this.#previous = { at, counts };
    this.#addCurrentToWhole();
    return moment;
  }

  #record(process: number, { counts, latencies }: { counts: Counts; latencies: Latencies }): void {
    this.#counts[process] = counts;
    for (const [kind, values] of Object.entries(latencies)) {
      const current = histogram(this.#current, kind as LatencyKind);
      for (const microseconds of values) current.record(microseconds);
    }
  }

  #addCurrentToWhole(): void {
    for (const [kind, current] of this.#current) histogram(this.#whole, kind).add(current);
    this.#current.clear();
  }
}

/** The histogram of a kind, which is new if it had no value. */
function histogram(all: Histograms, kind: LatencyKind): RecordableHistogram {
  const found = all.get(kind) ?? createHistogram({ lowest: 1, highest: 2 ** 32, figures: 3 });
  all.set(kind, found);
  return found;
}

function percentiles(histogram: RecordableHistogram) {
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
