import { median, sumsOf } from '@chat-cluster/testkit/lean-client';
import { lineChart } from '@chat-cluster/testkit/report';
import { list, noErrors, type Report, table, type Verdict, verdict } from '../../results/report.ts';
import type { Second } from '../../traffic/run.ts';
import type { OverloadFigures } from './measure.ts';

/** Upper bound of the 99th percentile of acks in any second of the overload, in ms. */
const ACK_P99_MS = 2_000;
/** Upper bound of the time after the overload until acks are as fast as in the calm, in s. */
const RECOVERY_S = 5;
/** As fast as in the calm: at most twice its median p99, or this where that is less, in ms. */
const CALM_AT_LEAST_MS = 50;
/**
 * Upper bound for each process, in MB. Buffers of lanes and sockets are bounded; a heap of Node grows before it is
 * collected.
 */
const MEMORY_MB = 1_024;

export function reportOverload(figures: OverloadFigures): Report {
  const { options, sustainable, outcome, memory } = figures;
  const { sent, refusedBy, lost, duplicated, reordered, timeline } = outcome;
  const points = (field: keyof Second) => timeline.map((second, i): [number, number] => [i, second[field]]);
  const phases = Object.entries(phasesOf(figures)).map(([phase, seconds]) => {
    return { phase, ...sumsOf(seconds, ['sent', 'acked']), p99s: p99s(seconds) };
  });
  const acks = [
    { name: 'sent', points: points('sent') },
    { name: 'acknowledged', points: points('acked') },
  ];
  return {
    title: 'Overload',
    method:
      `${options.pairs} pairs; the closed loop with 1,000 in flight delivered ${sustainable.toFixed(0)} msg/s; then an open ` +
      `loop: ${options.calm} s at 0.3 times that rate, ${options.seconds} s at twice that rate, ` +
      `${options.after} s at 0.3 times. Latency counts from the due time.`,
    figures,
    tables: [
      table('Acks by phase', phases, [
        'phase',
        'sent',
        ['acknowledged', ({ acked }) => acked],
        ['p99 of a second: median, ms', ({ p99s: values }) => median(values) || 0, 0],
        ['maximum, ms', ({ p99s: values }) => highest(values), 0],
      ]),
      list('All phases', [
        ['sent', sent],
        ...Object.entries(refusedBy).map(([code, count]) => [`refused with ${code}`, count] as const),
        ['lost / duplicated / out of order', `${lost} / ${duplicated} / ${reordered}`],
      ]),
      table('Resident memory, MB', memory, [
        ['process', ({ name }) => name],
        ['before', ({ megabytes }) => megabytes[0], 0],
        ['maximum', ({ megabytes }) => highest(megabytes), 0],
        ['after', ({ megabytes }) => megabytes.at(-1), 0],
      ]),
    ],
    charts: [
      lineChart('acks', 'Messages a second', 'second', 'messages', acks),
      lineChart('p99', '99th percentile of acks', 'second', 'ms', [{ name: 'ack p99', points: points('ackP99') }]),
    ],
    verdicts: verdicts(figures),
  };
}

function verdicts(figures: OverloadFigures): Verdict[] {
  const { outcome, memory, options } = figures;
  const { calm, overload } = phasesOf(figures);
  const { lost, died, refused, refusedBy } = outcome;
  const gone = memory.filter(({ megabytes }) => megabytes.includes(0)).length;
  const most = highest(memory.flatMap(({ megabytes }) => megabytes));
  const worst = highest(p99s(overload));
  const overloaded = refusedBy.OVERLOADED ?? 0;
  const recovery = recoverySeconds(figures);
  const stillSlow = `acks still above ${normalP99(calm).toFixed(0)} ms ${options.after} s after the load fell`;
  const fastAgain = `acks as fast as before ${recovery} s after the load fell (target: ${RECOVERY_S} s)`;
  return [
    verdict(gone === 0 && died === undefined, `${gone} processes ended${died ? `; the run died: ${died}` : ''}`),
    verdict(most <= MEMORY_MB, `maximum memory of a process: ${most.toFixed(0)} MB (target: ${MEMORY_MB} MB)`),
    verdict(
      overloaded > 0 && refused === overloaded,
      `${overloaded} messages refused with OVERLOADED, ${refused - overloaded} with another code, ${lost} without an ack`,
    ),
    verdict(
      sumsOf(overload, ['acked']).acked > 0 && worst < ACK_P99_MS,
      `acks during the overload: p99 ${worst.toFixed(0)} ms in the slowest second (target: below ${ACK_P99_MS} ms)`,
    ),
    verdict((recovery ?? Infinity) <= RECOVERY_S, recovery === undefined ? stillSlow : fastAgain),
    noErrors(outcome),
  ];
}

function phasesOf({ options, outcome: { timeline } }: OverloadFigures) {
  const [calmEnd, end] = [options.calm, options.calm + options.seconds];
  return {
    calm: timeline.slice(0, calmEnd),
    overload: timeline.slice(calmEnd, end),
    after: timeline.slice(end, end + options.after),
  };
}

/** Seconds from the end of the overload until acks stay as fast as in the calm. Undefined: they never were. */
export function recoverySeconds(figures: OverloadFigures): number | undefined {
  const { calm, after } = phasesOf(figures);
  const lastSlow = after.findLastIndex(({ acked, ackP99 }) => acked === 0 || ackP99 > normalP99(calm));
  return lastSlow + 1 < after.length ? lastSlow + 1 : undefined;
}

function normalP99(calm: readonly Second[]): number {
  return Math.max(CALM_AT_LEAST_MS, 2 * median(p99s(calm)));
}

function p99s(seconds: readonly Second[]): number[] {
  return seconds.map(({ ackP99 }) => ackP99);
}

function highest(values: readonly number[]): number {
  return Math.max(0, ...values);
}
