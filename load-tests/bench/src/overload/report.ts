import type { Second } from '../compare/wire.ts';
import type { Report, Verdict } from '../experiment.ts';
import { median } from '../statistics.ts';
import type { OverloadFigures } from './overload.ts';

/** Of what is accepted during the overload, the 99th percentile of acks in any second; ms. */
const ACK_P99_MS = 2_000;
/** Until acks are as in the calm again. */
const RECOVERY_S = 5;
/** As in the calm: twice its median p99, or this where that is less; ms. */
const CALM_AT_LEAST_MS = 50;
/** No process grows beyond this; MB. Buffers of lanes and of sockets have bounds, and a heap of Node grows before it is collected. */
const MEMORY_MB = 1_024;

/** Tables, charts and verdicts of an overload. */
export function reportOverload(figures: OverloadFigures): Report {
  const { options, sustainable, outcome, memory } = figures;
  const { sent, refusedBy, lost, duplicated, reordered } = outcome;
  const phases = phasesOf(figures);
  return {
    title: 'Overload',
    method:
      `${options.pairs} pairs; the closed loop with 1,000 in flight delivered ${sustainable.toFixed(0)} msg/s; then an open loop: ` +
      `${options.calmSeconds} s at 0.3 times that, ${options.overloadSeconds} s at twice, ${options.afterSeconds} s at 0.3 times. ` +
      'Latency from the intended send time.',
    figures,
    tables: [
      {
        caption: 'Acks by phase',
        columns: ['phase', 'sent', 'acknowledged', 'p99 of a second: median, ms', 'worst, ms'],
        rows: Object.entries(phases).map(([phase, seconds]) => [
          phase,
          sum(seconds, 'sent'),
          sum(seconds, 'acked'),
          median(seconds.map(({ ackP99 }) => ackP99)).toFixed(0),
          Math.max(0, ...seconds.map(({ ackP99 }) => ackP99)).toFixed(0),
        ]),
      },
      {
        caption: 'All of it',
        columns: ['what', 'figure'],
        rows: [
          ['sent', sent],
          ...Object.entries(refusedBy).map(([code, count]) => [`refused with ${code}`, count]),
          ['lost / duplicated / out of order', `${lost} / ${duplicated} / ${reordered}`],
        ],
      },
      {
        caption: 'Resident memory, MB',
        columns: ['process', 'before', 'most', 'after'],
        rows: memory.map(({ name, megabytes }) => [
          name,
          ...[megabytes[0] ?? 0, Math.max(0, ...megabytes), megabytes.at(-1) ?? 0].map((value) => value.toFixed(0)),
        ]),
      },
    ],
    charts: [
      {
        kind: 'lines',
        name: 'acks',
        title: 'Messages a second',
        x: 'second',
        y: 'messages',
        series: (['sent', 'acked'] as const).map((name) => ({
          name: name === 'acked' ? 'acknowledged' : name,
          points: outcome.timeline.map((second, i) => [i, second[name]]),
        })),
      },
      {
        kind: 'lines',
        name: 'p99',
        title: '99th percentile of acks',
        x: 'second',
        y: 'ms',
        series: [{ name: 'ack p99', points: outcome.timeline.map(({ ackP99 }, i) => [i, ackP99]) }],
      },
    ],
    verdicts: verdicts(figures),
  };
}

function verdicts(figures: OverloadFigures): Verdict[] {
  const { outcome, ended, memory } = figures;
  const { calm, overload } = phasesOf(figures);
  const worst = Math.max(0, ...overload.map(({ ackP99 }) => ackP99));
  const recovered = recoverySeconds(figures);
  const most = Math.max(0, ...memory.flatMap(({ megabytes }) => megabytes));
  const gone = memory.filter(({ megabytes }) => megabytes.includes(0)).length;
  const overloaded = outcome.refusedBy.OVERLOADED ?? 0;
  const others = outcome.refused - overloaded;
  return [
    {
      text: `${gone} processes ended${ended.length > 0 ? `: ${ended.join(' ')}` : ''}${outcome.died ? `; a connection: ${outcome.died}` : ''}`,
      ok: gone === 0 && ended.length === 0 && outcome.died === undefined,
    },
    { text: `no process above ${most.toFixed(0)} MB (target: ${MEMORY_MB} MB)`, ok: most <= MEMORY_MB },
    {
      text: `${overloaded} messages refused with OVERLOADED, ${others} with another code, ${outcome.lost} without an answer`,
      ok: overloaded > 0 && others === 0,
    },
    {
      text: `acks during the overload: p99 ${worst.toFixed(0)} ms in the worst second (target: below ${ACK_P99_MS} ms)`,
      ok: sum(overload, 'acked') > 0 && worst < ACK_P99_MS,
    },
    {
      text:
        recovered === undefined
          ? `acks were not as before (p99 ${normal(calm).toFixed(0)} ms) ${figures.options.afterSeconds} s after the load fell`
          : `acks as before ${recovered} s after the load fell (target: ${RECOVERY_S} s)`,
      ok: recovered !== undefined && recovered <= RECOVERY_S,
    },
    {
      text: `of ${outcome.sent} messages ${outcome.lost} lost, ${outcome.duplicated} duplicated, ${outcome.reordered} out of order`,
      ok: outcome.lost + outcome.duplicated + outcome.reordered === 0,
    },
  ];
}

function phasesOf({ options, outcome: { timeline } }: OverloadFigures) {
  const [calmEnd, end] = [options.calmSeconds, options.calmSeconds + options.overloadSeconds];
  return {
    calm: timeline.slice(0, calmEnd),
    overload: timeline.slice(calmEnd, end),
    after: timeline.slice(end, end + options.afterSeconds),
  };
}

/** Seconds after the overload of which none has slower acks than the calm had; undefined: to the end. */
export function recoverySeconds(figures: OverloadFigures): number | undefined {
  const { calm, after } = phasesOf(figures);
  const slow = (second: Second) => second.acked === 0 || second.ackP99 > normal(calm);
  const last = after.findLastIndex(slow);
  return last + 1 < after.length ? last + 1 : undefined;
}

function normal(calm: readonly Second[]): number {
  return Math.max(CALM_AT_LEAST_MS, 2 * median(calm.map(({ ackP99 }) => ackP99)));
}

function sum(seconds: readonly Second[], field: 'sent' | 'acked'): number {
  return seconds.reduce((total, second) => total + second[field], 0);
}
