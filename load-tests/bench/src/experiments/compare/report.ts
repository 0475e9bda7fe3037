import { barChart, type Chart, lineChart } from '@chat-cluster/testkit/report';
import { PROCESS_KINDS } from '../../arms/arm.ts';
import { type Column, latencyColumns, type Report, type Table, table } from '../../results/report.ts';
import type { Measured } from './measure.ts';
import { countErrors, keepsUp, type Summary, summarise } from './summary.ts';
import { verdicts } from './verdicts.ts';

const METHOD =
  'Each message is delivered to a device of both sides, which are on two gateways; ejabberd is one node, delivers to the ' +
  'receiver only, and archives for both. inline and ours acknowledge a message once it is stored, jobs once Redis has the ' +
  'job, ejabberd once it has read the message (XEP-0198); the relay acknowledges nothing and stores nothing.';

export function reportCompare({ options, samples, missing, idle }: Measured): Report {
  const summary = summarise(samples);
  const open = summary.filter(({ rate }) => rate > 0);
  const closed = summary.filter(({ inFlight }) => inFlight > 0);
  const errors = [...Map.groupBy(samples, ({ arm }) => arm)].map(([arm, own]) => ({ arm, ...countErrors(own) }));
  const { pairs, size, seconds, rounds } = options;
  return {
    title: 'Arms side by side',
    method: [
      `${pairs} pairs, ${size} characters, 2 gateways, 1 worker where the arm has one, the same Redis and Postgres; one arm at`,
      `a time, in rotating order, medians of ${rounds} rounds of ${seconds} s. ${METHOD}`,
      ...missing.map(({ arm, reason }) => `${arm} is left out: ${reason}.`),
    ].join(' '),
    figures: { options, missing, idle, summary, samples },
    tables: [
      throughput(closed),
      table('Latency from the due time, open loop, ms', open, [
        'arm',
        ['sent/s', ({ rate }) => rate],
        ['delivered/s', (one) => delivered(one, keepsUp(one) ? '' : ' (cannot keep up)')],
        ...LATENCIES,
      ]),
      cpu('closed loop', closed),
      cpu('open loop', open),
      table('Resident memory of an idle connection in the gateways or in ejabberd', idle, [
        'arm',
        ['bytes', ({ bytes }) => bytes, 0],
      ]),
      table('Errors, all runs together', errors, [
        ...(['arm', 'sent', 'lost', 'refused', 'duplicated', 'reordered', 'died'] as const),
      ]),
    ].filter(({ rows }) => rows.length > 0),
    charts: charts(closed, open, options),
    verdicts: verdicts(samples),
  };
}

function throughput(closed: Summary[]): Table {
  const ours = (at: number) => closed.find(({ arm, inFlight }) => arm === 'ours' && inFlight === at);
  const ratio = (one: Summary) => {
    const times = (ours(one.inFlight)?.deliveredPerSecond ?? Number.NaN) / one.deliveredPerSecond;
    return Number.isNaN(times) ? undefined : `${times.toFixed(2)} ×`;
  };
  return table('Throughput, closed loop; latencies in ms', closed, [
    'arm',
    ['in flight', ({ inFlight }) => inFlight],
    ['delivered/s', (one) => delivered(one)],
    ['ours is', ratio],
    ...LATENCIES,
  ]);
}

function delivered({ survived, rounds, deliveredPerSecond }: Summary, note = ''): string {
  if (survived === 0) return 'died';
  const deaths = survived < rounds ? ` (died ${rounds - survived} of ${rounds})` : '';
  return `${deliveredPerSecond.toFixed(0)}${note}${deaths}`;
}

const LATENCIES: Column<Summary>[] = [
  ...latencyColumns('delivery', (one: Summary) => (one.survived > 0 ? one.delivery : undefined)),
  ...latencyColumns('ack', ({ ack }: Summary) => ack),
];

function cpu(loop: string, all: Summary[]): Table {
  const alive = all.filter(({ survived }) => survived > 0);
  const kinds = PROCESS_KINDS.filter((kind) => alive.some((one) => one.cpu[kind] !== undefined));
  const servers = kinds.filter((kind) => kind !== 'generator');
  return table(`CPU of a delivered message, ${loop}, µs; the sum is without the generator`, alive, [
    'arm',
    ['load', ({ rate, inFlight }) => (rate > 0 ? `${rate} msg/s` : `${inFlight} in flight`)],
    ...kinds.map((kind): Column<Summary> => [kind, (one) => one.cpu[kind], 0]),
    ['sum', (one) => servers.reduce((sum, kind) => sum + (one.cpu[kind] ?? 0), 0), 0],
  ]);
}

function charts(closed: Summary[], open: Summary[], { inFlight, rates }: Measured['options']): Chart[] {
  const alive = closed.filter((one) => one.survived > 0 && inFlight.includes(one.inFlight));
  const most = Math.max(...inFlight);
  const steady = open.filter((one) => one.survived > 0 && keepsUp(one));
  const curve = (title: string, percentile: 'p50' | 'p99') => {
    const arms = [...Map.groupBy(steady, ({ arm }) => arm)];
    const pointsOf = (own: Summary[]) => own.map((one): [number, number] => [one.rate, one.delivery[percentile]]);
    const series = arms.map(([name, own]) => ({ name, points: pointsOf(own) }));
    return lineChart(percentile, title, 'messages a second', 'ms', series);
  };
  const throughputs = alive.map(({ arm, inFlight: at, deliveredPerSecond }) => {
    return { name: `${arm} ${at}`, parts: { delivered: deliveredPerSecond } };
  });
  const costs = alive
    .filter((one) => one.inFlight === most)
    .map(({ arm, cpu: used }) => ({
      name: arm,
      parts: Object.fromEntries(PROCESS_KINDS.map((kind) => [kind, used[kind] ?? 0])),
    }));
  return [
    barChart('throughput', 'Delivered messages a second', 'messages a second', throughputs),
    barChart('cpu', `CPU of a delivered message, ${most} in flight`, 'µs', costs),
    ...(rates.length > 0 ? [curve('Delivery, median', 'p50'), curve('Delivery, 99th percentile', 'p99')] : []),
  ];
}
