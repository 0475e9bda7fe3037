import { cpus } from 'node:os';
import { type Counts, WRONGS, type Wrong, wrongs } from './counts.ts';
import { count, ms, percent } from './figures.ts';
import type { Merge, Moment, Percentiles } from './merge.ts';
import type { LoadOptions } from './options.ts';
import { BUSY } from './progress.ts';

/** All of a run: what report.json holds. Latencies in milliseconds. */
export interface Report {
  command: string;
  date: string;
  url: string;
  profile: string;
  options: LoadOptions;
  users: number;
  idle: number;
  processes: number;
  /** Of the measured time, without the warm-up and what came after; false when Ctrl-C ended it. */
  seconds: number;
  complete: boolean;
  /** Means over the measured time. */
  perSecond: { sent: number; acked: number; delivered: number };
  ack: Percentiles;
  delivery: Percentiles;
  recovery: Percentiles;
  /** What the generator itself adds to the latencies: it sent so late. */
  lateness: Percentiles;
  counts: Counts;
  details: string[];
  generator: {
    machine: string;
    /** Of the busiest process in its busiest second, 0 to 1. */
    busiest: number;
    cpuMicrosecondsPerMessage: number;
    /** Resident memory of each process at the end of the load, in bytes. */
    rss: number[];
  };
  verdicts: Verdict[];
  moments: Moment[];
}

export interface Verdict {
  text: string;
  /** `note`: worth knowing, and no failure. */
  kind: 'ok' | 'note' | 'wrong';
}

export interface Run {
  options: LoadOptions;
  args: readonly string[];
  url: string;
  users: number;
  idle: number;
  processes: number;
  complete: boolean;
  merge: Merge;
  moments: readonly Moment[];
}

export function reportOf(run: Run): Report {
  const { merge, options, moments: all } = run;
  // Of what was sent while the load went on: later moments only wait.
  const during = all.filter(({ at }) => at > 0 && at <= options.duration + 0.5);
  const moments = during.length > 0 ? during : all;
  const seconds = moments.at(-1)?.at ?? 0;
  const mean = (value: (moment: Moment) => number) =>
    moments.reduce((sum, moment) => sum + value(moment), 0) / Math.max(1, moments.length);
  const counts = merge.counts;
  const report = {
    command: ['npm run load --', ...run.args].join(' '),
    date: new Date().toISOString(),
    url: run.url,
    profile: options.profile,
    options,
    users: run.users,
    idle: run.idle,
    processes: run.processes,
    seconds,
    complete: run.complete,
    perSecond: {
      sent: mean(({ sent }) => sent),
      acked: mean(({ acked }) => acked),
      delivered: mean(({ delivered }) => delivered),
    },
    ack: merge.whole('acks'),
    delivery: merge.whole('deliveries'),
    recovery: merge.whole('recoveries'),
    lateness: merge.whole('lateness'),
    counts,
    details: merge.details,
    generator: {
      machine: `${cpus().length} cores (${cpus()[0]?.model.trim()}), node ${process.version}`,
      busiest: Math.max(0, ...moments.map(({ cpu }) => cpu)),
      cpuMicrosecondsPerMessage: merge.cpuMicroseconds / Math.max(1, counts.sent),
      rss: merge.rss,
    },
    moments: [...all],
  };
  return { ...report, verdicts: verdictsOf(report) };
}

/** True when the run proves nothing wrong. */
export function passed({ verdicts }: Report): boolean {
  return verdicts.every(({ kind }) => kind !== 'wrong');
}

function verdictsOf(report: Omit<Report, 'verdicts'>): Verdict[] {
  const { counts, options, ack, delivery, generator, lateness } = report;
  const found = wrongs(counts);
  const verdicts: Verdict[] = [];
  const say = (kind: Verdict['kind'], text: string) => verdicts.push({ kind, text });
  if (counts.acked === 0) say('wrong', 'not one message was acknowledged');
  else if (found === 0) {
    say('ok', `${count(counts.acked)} messages acknowledged: 0 lost, 0 stored twice, 0 out of order, 0 wrong badges`);
  }
  for (const [wrong, meaning] of Object.entries(WRONGS) as [Wrong, string][]) {
    if (counts[wrong] > 0) say('wrong', `${count(counts[wrong])} × ${nameOf(wrong)}: ${meaning}`);
  }
  const allowed = options.strict ? 'wrong' : 'note';
  if (counts.repeated > 0) {
    say(
      allowed,
      `${count(counts.repeated)} deliveries came twice on one connection: allowed after a fault, not without`,
    );
  }
  if (counts.stale > 0) {
    say(
      allowed,
      `${count(counts.stale)} deliveries were found only by the last sync: allowed after a fault, not without`,
    );
  }
  if (options.maxP99 !== undefined) {
    const worst = Math.max(ack.p99, delivery.p99);
    say(worst > options.maxP99 ? 'wrong' : 'ok', `p99 ${ms(worst)} ms, the limit is ${ms(options.maxP99)} ms`);
  }
  if (counts.refused.RATE_LIMITED) {
    say('note', 'some were refused because one connection sent too much (RATE_LIMIT_PER_SECOND): more --users help');
  }
  if (counts.unanswered > 0)
    say('note', `${count(counts.unanswered)} messages had no ack in the end: nobody knows whether they are stored`);
  if (counts.skipped > 0) say('note', `${count(counts.skipped)} messages were never sent: too many were under way`);
  if (generator.busiest > BUSY) {
    say(
      'note',
      `a generator process was ${percent(generator.busiest)} busy: latencies are partly its own; give it more --processes or a machine of its own`,
    );
  } else if (lateness.p99 > Math.max(5, ack.p50)) {
    say('note', `messages were sent up to ${ms(lateness.p99)} ms late (p99): latencies are partly the generator's own`);
  }
  if (!report.complete) say('note', `ended early, after ${report.seconds.toFixed(0)} s`);
  return verdicts;
}

/** Of a count, as people read it. */
export function nameOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

export interface Table {
  columns: string[];
  rows: string[][];
}

export function latencyTable({ ack, delivery, recovery, lateness }: Report): Table {
  const row = (name: string, { count: n, p50, p90, p99, p999, max }: Percentiles) => [
    name,
    count(n),
    ...[p50, p90, p99, p999, max].map(ms),
  ];
  return {
    columns: ['ms', 'count', 'p50', 'p90', 'p99', 'p99.9', 'max'],
    rows: [
      row('ack', ack),
      row('delivery', delivery),
      ...(recovery.count > 0 ? [row('lost connection → in sync', recovery)] : []),
      row('sent late by the generator', lateness),
    ],
  };
}

export function countTable({ counts, perSecond }: Report): Table {
  const { refused, ...others } = counts;
  const always = ['sent', 'acked', 'delivered', 'lost', 'duplicated', 'outOfOrder', 'gaps', 'wrongBadges'];
  const rows = (Object.entries(others) as [string, number][])
    .filter(([name, value]) => value > 0 || always.includes(name))
    .map(([name, value]) => {
      const rate = name in perSecond ? perSecond[name as keyof Report['perSecond']].toFixed(1) : '';
      return [nameOf(name), count(value), rate];
    });
  const refusals = Object.entries(refused).map(([code, value]) => [`refused: ${code}`, count(value), '']);
  return { columns: ['', 'count', 'a second'], rows: [...rows, ...refusals] };
}

/** For a terminal; the first column left, the others right. */
export function align({ columns, rows }: Table): string {
  const lines = [columns, ...rows];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  const pad = (cell: string, i: number) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0));
  return lines.map((line) => `  ${line.map(pad).join('  ')}`.trimEnd()).join('\n');
}
