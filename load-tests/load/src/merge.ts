import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { addUp, type Counts, noCounts } from './counts.ts';
import type { Latencies } from './meter.ts';
import type { Done, Sample } from './protocol.ts';

/** Milliseconds; 0 when nothing was measured. */
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

/** About a second of the whole run. */
export interface Moment {
  /** Of its end, in seconds since the measured time began. */
  at: number;
  /** A second. */
  sent: number;
  acked: number;
  delivered: number;
  ack: Percentiles;
  delivery: Percentiles;
  inFlight: number;
  connected: number;
  /** Deliveries that are late, and badges that are off, just now. */
  missing: number;
  badgesOff: number;
  /** Of the busiest generator process, 0 to 1. */
  cpu: number;
  /** Since the beginning. */
  counts: Counts;
}

const KINDS = ['acks', 'deliveries', 'recoveries', 'lateness'] as const;
type Histograms = Record<keyof Latencies, RecordableHistogram>;

/** What the generator processes tell, made into one: exact sums, and histograms of three significant digits. */
export class Merge {
  readonly details: string[] = [];
  cpuMicroseconds = 0;
  rss: number[] = [];
  #samples: (Sample | undefined)[];
  #counts: Counts[];
  #last: { at: number; counts: Counts };
  #now: Histograms = histograms();
  #whole: Histograms = histograms();

  /** The processes begin to send `warmUp` seconds before the measured time. */
  constructor(processes: number, warmUp: number) {
    this.#last = { at: -warmUp, counts: noCounts() };
    this.#samples = Array.from({ length: processes });
    this.#counts = Array.from({ length: processes }, noCounts);
  }

  get counts(): Counts {
    return addUp(this.#counts);
  }

  /** Of the whole run. */
  whole(kind: keyof Latencies): Percentiles {
    return percentiles(this.#whole[kind]);
  }

  add(process: number, sample: Sample): void {
    this.#samples[process] = sample;
    this.#record(process, sample);
  }

  addLast(process: number, done: Done): void {
    this.#record(process, done);
    for (const kind of KINDS) this.#whole[kind].add(this.#now[kind]);
    this.#now = histograms();
    this.details.push(...done.details);
    this.cpuMicroseconds += done.cpuMicroseconds;
    this.rss.push(done.rss);
  }

  /** Closes what was told since the call before; undefined while some process has told nothing. */
  moment(): Moment | undefined {
    const samples = this.#samples.filter((sample) => sample !== undefined);
    if (samples.length < this.#samples.length) return undefined;
    const at = Math.max(...samples.map((sample) => sample.at));
    const counts = this.counts;
    const before = this.#last;
    const seconds = at - before.at;
    if (seconds <= 0) return undefined;
    const sum = (value: (sample: Sample) => number) => samples.reduce((total, sample) => total + value(sample), 0);
    const perSecond = (name: 'sent' | 'acked' | 'delivered') => (counts[name] - before.counts[name]) / seconds;
    const moment: Moment = {
      at,
      sent: perSecond('sent'),
      acked: perSecond('acked'),
      delivered: perSecond('delivered'),
      ack: percentiles(this.#now.acks),
      delivery: percentiles(this.#now.deliveries),
      inFlight: sum(({ inFlight }) => inFlight),
      connected: sum(({ connected }) => connected),
      missing: sum(({ missing }) => missing),
      badgesOff: sum(({ badgesOff }) => badgesOff),
      cpu: Math.max(...samples.map(({ cpu }) => cpu)),
      counts,
    };
    this.#last = { at, counts };
    for (const kind of KINDS) this.#whole[kind].add(this.#now[kind]);
    this.#now = histograms();
    return moment;
  }

  #record(process: number, { counts, latencies }: { counts: Counts; latencies: Latencies }): void {
    this.#counts[process] = counts;
    for (const kind of KINDS) for (const microseconds of latencies[kind]) this.#now[kind].record(microseconds);
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
