import { cpus } from 'node:os';
import { alignRows } from '@chat-cluster/testkit/report';
import { FAILURES, type Failure, failures } from './counts.ts';
import { count, ms, percent } from './format.ts';
import type { MergedResults, Moment, Percentiles } from './merged-results.ts';
import type { LoadOptions } from './options.ts';
import { BUSY } from './progress.ts';

/** The content of report.json. Latencies are in milliseconds. */
export interface Report extends Figures {
  verdicts: Verdict[];
}

export interface Verdict {
  text: string;
  /** `note`: worth knowing, but not a failure. */
  kind: 'ok' | 'note' | 'wrong';
}

export interface Run {
  options: LoadOptions;
  args: readonly string[];
  url: string;
  users: number;
  idle: number;
  processes: number;
  /** False when Ctrl-C ended the run. */
  complete: boolean;
  results: MergedResults;
  moments: readonly Moment[];
}

type Figures = ReturnType<typeof figuresOf>;

export function reportOf(run: Run): Report {
  const figures = figuresOf(run);
  return { ...figures, verdicts: [...failureVerdicts(figures), ...limitVerdicts(figures), ...noteVerdicts(figures)] };
}

function figuresOf({ results, args, moments: all, ...run }: Run) {
  // Only those of the sending: after it nothing more is sent.
  const sending = all.filter(({ at }) => at > 0 && at <= run.options.duration + 0.5);
  const moments = sending.length > 0 ? sending : all;
  const mean = (value: (moment: Moment) => number) =>
    moments.reduce((sum, moment) => sum + value(moment), 0) / Math.max(1, moments.length);
  const { counts, details, rss } = results;
  return {
    command: ['npm run load --', ...args].join(' '),
    date: new Date().toISOString(),
    ...run,
    profile: run.options.profile,
    /** Length of the measured time, without the warm-up and the final check. */
    seconds: moments.at(-1)?.at ?? 0,
    /** Means over the measured time. */
    perSecond: {
      sent: mean(({ sent }) => sent),
      acked: mean(({ acked }) => acked),
      delivered: mean(({ delivered }) => delivered),
    },
    ack: results.whole('acks'),
    delivery: results.whole('deliveries'),
    /** Deliveries in groups, by their size. */
    groupDelivery: run.options.groups.map((size) => ({ size, ...results.whole(`group ${size}`) })),
    change: results.whole('changes'),
    recovery: results.whole('recoveries'),
    /** How late the generator sent messages: its own share of the latencies. */
    lateness: results.whole('lateness'),
    counts,
    details,
    generator: {
      machine: `${cpus().length} cores (${cpus()[0]?.model.trim()}), node ${process.version}`,
      /** CPU use of the busiest process in its busiest second, 0 to 1. */
      busiest: Math.max(0, ...moments.map(({ cpu }) => cpu)),
      cpuMicrosecondsPerMessage: results.cpuMicroseconds / Math.max(1, counts.sent),
      /** Resident memory of each process after the last message, in bytes. */
      rss,
    },
    moments: [...all],
  };
}

/** True when nothing was wrong. */
export function passed({ verdicts }: Report): boolean {
  return verdicts.every(({ kind }) => kind !== 'wrong');
}

function failureVerdicts({ counts }: Figures): Verdict[] {
  const verdicts: Verdict[] = [];
  if (counts.acked === 0) verdicts.push({ kind: 'wrong', text: 'no message was acknowledged' });
  else if (failures(counts) === 0) {
    const text = `${count(counts.acked)} messages acknowledged: 0 lost, 0 stored twice, 0 out of order, 0 wrong badges`;
    verdicts.push({ kind: 'ok', text });
  }
  for (const [name, meaning] of Object.entries(FAILURES) as [Failure, string][]) {
    if (counts[name] > 0)
      verdicts.push({ kind: 'wrong', text: `${count(counts[name])} × ${labelOf(name)}: ${meaning}` });
  }
  return verdicts;
}

function limitVerdicts({ counts, options, ack, delivery }: Figures): Verdict[] {
  const verdicts: Verdict[] = [];
  const kind = options.strict ? 'wrong' : 'note';
  const allowed = 'allowed only after a fault';
  if (counts.repeated > 0) {
    verdicts.push({ kind, text: `${count(counts.repeated)} events came twice on one connection: ${allowed}` });
  }
  if (counts.stale > 0) {
    verdicts.push({ kind, text: `${count(counts.stale)} messages were found only by the final sync: ${allowed}` });
  }
  if (options.maxP99 !== undefined) {
    const worst = Math.max(ack.p99, delivery.p99);
    const text = `p99 ${ms(worst)} ms, the limit is ${ms(options.maxP99)} ms`;
    verdicts.push({ kind: worst > options.maxP99 ? 'wrong' : 'ok', text });
  }
  return verdicts;
}

function noteVerdicts({ counts, ack, generator, lateness, complete, seconds }: Figures): Verdict[] {
  const notes: string[] = [];
  if (counts.refused.RATE_LIMITED) {
    notes.push('messages were refused because a connection sent too many (RATE_LIMIT_PER_SECOND): use more --users');
  }
  if (counts.unanswered > 0) {
    notes.push(`${count(counts.unanswered)} messages have no ack: they may be stored or not`);
  }
  if (counts.skipped > 0) notes.push(`${count(counts.skipped)} messages were not sent: too many were under way`);
  if (generator.busiest > BUSY) {
    const busy = `a generator process used ${percent(generator.busiest)} of a core, which adds to the latencies`;
    notes.push(`${busy}: use more --processes, or a machine of its own`);
  } else if (lateness.p99 > Math.max(5, ack.p50)) {
    notes.push(`messages were sent up to ${ms(lateness.p99)} ms late (p99), which adds to the latencies`);
  }
  if (!complete) notes.push(`ended early, after ${seconds.toFixed(0)} s`);
  return notes.map((text) => ({ kind: 'note', text }));
}

/** The name of a count as words: outOfOrder is "out of order". */
function labelOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

export interface Table {
  columns: string[];
  rows: string[][];
}

export function latencyTable({ ack, delivery, groupDelivery, change, recovery, lateness }: Report): Table {
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
      ...groupDelivery.map((group) => row(`delivery in groups of ${group.size}`, group)),
      ...(change.count > 0 ? [row('ack of a change', change)] : []),
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
      return [labelOf(name), count(value), rate];
    });
  const refusals = Object.entries(refused).map(([code, value]) => [`refused: ${code}`, count(value), '']);
  return { columns: ['', 'count', 'per second'], rows: [...rows, ...refusals] };
}

/** A table as indented text. */
export function align({ columns, rows }: Table): string {
  return alignRows([columns, ...rows])
    .map((line) => `  ${line.trimEnd()}`)
    .join('\n');
}
