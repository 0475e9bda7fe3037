import type { Report, Table } from '../experiment.ts';
import type { Chart } from '../results/chart.ts';
import { KINDS } from './arms.ts';
import type { Measured, Sample } from './measure.ts';
import type { CompareOptions } from './options.ts';
import { holds, type Summary, summarise, wrongs } from './summary.ts';
import { verdicts } from './verdicts.ts';

const SIDES =
  'Each message is delivered to a device of both sides, who are on two gateways; ejabberd is one node, delivers to the ' +
  'other side, and archives for both. ';
const ACKS =
  'Acks of inline and ours come once the message is stored, of jobs when Redis has the job, of ejabberd when it has read it (XEP-0198); the relay has none and stores nothing. ';

/** Tables, charts and verdicts of what was measured; `idle`: bytes a connection, by arm. */
export function reportCompare(options: CompareOptions, { samples, missing, idle }: Measured): Report {
  const all = summarise(samples);
  const open = all.filter(({ rate }) => rate > 0);
  const closed = all.filter(({ inFlight }) => inFlight > 0);
  const { pairs, size, seconds, rounds } = options;
  return {
    title: 'Arms side by side',
    method:
      `${pairs} pairs, ${size} characters, 2 gateways, 1 worker where there is one, the same Redis and Postgres; one arm at a ` +
      `time, in turns, medians of ${rounds} rounds of ${seconds} s. ${SIDES}${ACKS}` +
      missing.map(({ arm, reason }) => `${arm} is left out: ${reason}. `).join(''),
    figures: { options, missing, idle, summary: all, samples },
    tables: [
      throughput(closed, all),
      latency(open),
      cpu('closed loop', closed),
      cpu('open loop', open),
      ...weights(idle),
      mistakes(samples),
    ].filter(({ rows }) => rows.length > 0),
    charts: charts(closed, open, options),
    verdicts: verdicts(samples),
  };
}

function throughput(closed: Summary[], all: Summary[]): Table {
  return {
    caption: 'Throughput, closed loop',
    columns: ['arm', 'in flight', 'delivered/s', 'ours is', 'delivery p50, ms', 'p99', 'ack p50', 'p99'],
    rows: closed.map((one) => {
      const ours = all.find(({ arm, inFlight }) => arm === 'ours' && inFlight === one.inFlight);
      const ratio = ours ? `${(ours.deliveredPerSecond / one.deliveredPerSecond).toFixed(2)} ×` : '–';
      return one.survived === 0
        ? [one.arm, one.inFlight, 'died', '–', '–', '–', '–', '–']
        : [one.arm, one.inFlight, one.deliveredPerSecond.toFixed(0) + survival(one), ratio, ...milliseconds(one)];
    }),
  };
}

function latency(open: Summary[]): Table {
  return {
    caption: 'Latency from the intended send time, open loop',
    columns: ['arm', 'sent/s', 'delivered/s', 'delivery p50, ms', 'p99', 'ack p50', 'p99'],
    rows: open.map((one) =>
      one.survived === 0
        ? [one.arm, one.rate, 'died', '–', '–', '–', '–']
        : [
            one.arm,
            one.rate,
            `${one.deliveredPerSecond.toFixed(0)}${holds(one) ? '' : ' (can not)'}${survival(one)}`,
            ...milliseconds(one),
          ],
    ),
  };
}

function survival({ survived, rounds }: Summary): string {
  return survived < rounds ? ` (died ${rounds - survived} of ${rounds})` : '';
}

function milliseconds({ delivery, ack }: Summary): string[] {
  return [delivery.p50, delivery.p99, ack?.p50, ack?.p99].map((ms) => (ms === undefined ? '–' : ms.toFixed(1)));
}

function cpu(loop: string, all: Summary[]): Table {
  const alive = all.filter(({ survived }) => survived > 0);
  const kinds = KINDS.filter((kind) => alive.some((one) => one.cpu[kind] !== undefined));
  const sum = (one: Summary) =>
    kinds.reduce((total, kind) => total + (kind === 'generator' ? 0 : (one.cpu[kind] ?? 0)), 0);
  return {
    caption: `CPU of a delivered message, ${loop}, µs; the sum is without the generator`,
    columns: ['arm', 'load', ...kinds, 'sum'],
    rows: alive.map((one) => [
      one.arm,
      one.rate > 0 ? `${one.rate} msg/s` : `${one.inFlight} in flight`,
      ...kinds.map((kind) => one.cpu[kind]?.toFixed(0) ?? '–'),
      sum(one).toFixed(0),
    ]),
  };
}

function weights(idle: Measured['idle']): Table[] {
  return [
    {
      caption: 'An idle connection, bytes of resident memory (of gateways or ejabberd)',
      columns: ['arm', 'bytes'],
      rows: idle.map(({ arm, bytes }) => [arm, bytes.toFixed(0)]),
    },
  ];
}

function mistakes(samples: readonly Sample[]): Table {
  return {
    caption: 'What went wrong, all runs together',
    columns: ['arm', 'sent', 'lost', 'refused', 'duplicated', 'out of order', 'died'],
    rows: [...Map.groupBy(samples, ({ arm }) => arm)].map(([arm, own]) => {
      const { sent, lost, refused, duplicated, reordered, died } = wrongs(own);
      return [arm, sent, lost, refused, duplicated, reordered, died];
    }),
  };
}

function charts(closed: Summary[], open: Summary[], { inFlight, rates }: CompareOptions): Chart[] {
  const alive = closed.filter((one) => one.survived > 0 && inFlight.includes(one.inFlight));
  const most = Math.max(...inFlight);
  const steady = open.filter((one) => one.survived > 0 && holds(one));
  const names = [...new Set(steady.map(({ arm }) => arm))];
  const curve = (title: string, name: string, share: 'p50' | 'p99'): Chart => ({
    kind: 'lines',
    name,
    title,
    x: 'messages a second',
    y: 'ms',
    series: names.map((arm) => ({
      name: arm,
      points: steady.filter((one) => one.arm === arm).map((one) => [one.rate, one.delivery[share]]),
    })),
  });
  return [
    {
      kind: 'bars',
      name: 'throughput',
      title: 'Delivered messages a second',
      y: 'messages a second',
      groups: alive.map((one) => ({
        name: `${one.arm} ${one.inFlight}`,
        parts: [{ name: 'delivered', value: one.deliveredPerSecond }],
      })),
    },
    {
      kind: 'bars',
      name: 'cpu',
      title: `CPU of a delivered message, ${most} in flight`,
      y: 'µs',
      groups: alive
        .filter((one) => one.inFlight === most)
        .map((one) => ({
          name: one.arm,
          parts: KINDS.map((kind) => ({ name: kind, value: one.cpu[kind] ?? 0 })),
        })),
    },
    ...(rates.length > 0
      ? [curve('Delivery, median', 'p50', 'p50'), curve('Delivery, 99th percentile', 'p99', 'p99')]
      : []),
  ];
}
