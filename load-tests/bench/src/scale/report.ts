import type { Report, Table, Verdict } from '../experiment.ts';
import { PROCESS_KINDS } from '../pods.ts';
import type { BarChart, LineChart } from '../results/chart.ts';
import { median } from '../statistics.ts';
import type { CpuByKind, Sample } from './measure.ts';
import { ADAPTERS, type Adapter, type ScaleOptions } from './options.ts';

/** So many times as much may a message cost with 8 gateways as with 2. */
const TARGET = 1.3;
/**
 * Mean batches that differ by more are not compared: where something queues, batches grow and messages get cheaper, so a
 * machine that is too slow for the rate would look like a cluster that scales well.
 */
const ALIKE = 0.15;
/** Of the asked rate: less, and something queued. */
const CARRIED = 0.98;

export function reportScale(samples: Sample[], options: ScaleOptions): Report {
  const rows = ADAPTERS.flatMap((adapter) =>
    options.gateways.map((gateways) => medians(adapter, gateways, samples)),
  ).filter((row) => row.samples > 0);
  return {
    title: 'What a message costs, by the number of gateways',
    method: method(options),
    figures: { options, medians: rows, samples },
    tables: [cpuTable(rows), fanoutTable(rows), trafficTable(rows)],
    charts: charts(rows),
    verdicts: verdicts(rows, samples, options),
  };
}

function method({ users, rate, rounds, seconds, workers, lanes, size, warmUpMessages }: ScaleOptions): string {
  return (
    `${users} users in pairs on different gateways send ${rate} messages a second by the clock, ${size} characters each, ` +
    `${workers} worker${workers > 1 ? 's' : ''}, ${lanes} lanes; medians of ${rounds} rounds of ${seconds} s, each on a ` +
    `cluster of its own after ${warmUpMessages} messages at full speed. Every gateway is a process with an address of its own: there is no ` +
    'entry before them. All CPU the kernel charged to the processes counts, from /proc. "Background" is what the same ' +
    'cluster uses at rest, with its users connected: probes, timers, the audit. It does not depend on the traffic, so ' +
    '"net" leaves it out; the verdict is on the whole, which is what one pays.'
  );
}

export type Medians = Pick<
  Sample,
  'adapter' | 'gateways' | 'background' | 'cpu' | 'net' | 'generatorCpu' | 'published' | 'received' | 'useful'
> &
  Pick<Sample, 'batchEntries' | 'deliveredPerSecond' | 'ack' | 'delivery' | 'refused' | 'lost' | 'duplicated'> &
  Pick<Sample, 'reordered'> & { samples: number };

/** Medians over the rounds; of what went wrong the sum. */
function medians(adapter: Adapter, gateways: number, all: Sample[]): Medians {
  const samples = all.filter((sample) => sample.adapter === adapter && sample.gateways === gateways);
  const of = (value: (sample: Sample) => number) => median(samples.map(value));
  const ofKnown = (value: (sample: Sample) => number | null) => {
    const known = samples.map(value).filter((one) => one !== null);
    return known.length === 0 ? null : median(known);
  };
  const sum = (value: (sample: Sample) => number) => samples.reduce((total, sample) => total + value(sample), 0);
  const cpu = (value: (sample: Sample) => CpuByKind) =>
    Object.fromEntries(
      [...PROCESS_KINDS, 'sum' as const].map((kind) => [kind, of((one) => value(one)[kind])]),
    ) as CpuByKind;
  const latency = (value: (sample: Sample) => Sample['ack']) => ({
    p50: of((one) => value(one).p50),
    p99: of((one) => value(one).p99),
  });
  return {
    adapter,
    gateways,
    samples: samples.length,
    background: cpu((one) => one.background),
    cpu: cpu((one) => one.cpu),
    net: cpu((one) => one.net),
    generatorCpu: of((one) => one.generatorCpu),
    published: ofKnown((one) => one.published),
    received: ofKnown((one) => one.received),
    useful: ofKnown((one) => one.useful),
    batchEntries: ofKnown((one) => one.batchEntries),
    deliveredPerSecond: of((one) => one.deliveredPerSecond),
    ack: latency((one) => one.ack),
    delivery: latency((one) => one.delivery),
    refused: sum((one) => one.refused),
    lost: sum((one) => one.lost),
    duplicated: sum((one) => one.duplicated),
    reordered: sum((one) => one.reordered),
  };
}

function cpuTable(rows: Medians[]): Table {
  return {
    caption: 'CPU, µs a message; background in ms a second',
    columns: ['adapter', 'gateways', ...PROCESS_KINDS, 'sum', 'net', 'background', 'generator'],
    rows: rows.map(({ adapter, gateways, cpu, net, background, generatorCpu }) => [
      adapter,
      gateways,
      ...PROCESS_KINDS.map((kind) => cpu[kind].toFixed(0)),
      cpu.sum.toFixed(0),
      net.sum.toFixed(0),
      background.sum.toFixed(0),
      generatorCpu.toFixed(0),
    ]),
  };
}

function fanoutTable(rows: Medians[]): Table {
  const count = (value: number | null) => (value === null ? '–' : value.toFixed(2));
  return {
    caption:
      'Fan-out, per message: emits of workers, messages of the adapter that gateways heard, those with a user there',
    columns: ['adapter', 'gateways', 'published', 'received', 'useful', 'received per useful', 'entries per batch'],
    rows: rows.map((row) => [
      row.adapter,
      row.gateways,
      count(row.published),
      count(row.received),
      count(row.useful),
      count(perUseful(row)),
      count(row.batchEntries),
    ]),
  };
}

function perUseful({ received, useful }: Medians): number | null {
  return received === null || !useful ? null : received / useful;
}

function trafficTable(rows: Medians[]): Table {
  return {
    caption: 'Traffic: latencies in ms from the intended time',
    columns: [
      'adapter',
      'gateways',
      'msg/s',
      'ack p50',
      'p99',
      'delivery p50',
      'p99',
      'refused',
      'lost',
      'dup',
      'order',
    ],
    rows: rows.map((row) => [
      row.adapter,
      row.gateways,
      row.deliveredPerSecond.toFixed(0),
      ...[row.ack.p50, row.ack.p99, row.delivery.p50, row.delivery.p99].map((ms) => ms.toFixed(1)),
      row.refused,
      row.lost,
      row.duplicated,
      row.reordered,
    ]),
  };
}

function charts(rows: Medians[]): (LineChart | BarChart)[] {
  const lines = (value: (row: Medians) => number | null) =>
    ADAPTERS.map((adapter) => ({
      name: `${adapter} adapter`,
      points: rows.flatMap((row): [number, number][] => {
        const y = value(row);
        return row.adapter === adapter && y !== null ? [[row.gateways, y]] : [];
      }),
    })).filter(({ points }) => points.length > 0);
  const cpu: LineChart = {
    kind: 'lines',
    name: 'cpu',
    title: 'CPU of the whole cluster per message',
    x: 'gateways',
    y: 'µs a message',
    series: lines((row) => row.cpu.sum),
  };
  const heard: LineChart = {
    kind: 'lines',
    name: 'fanout',
    title: 'Messages of the adapter received per useful one',
    x: 'gateways',
    y: 'received per useful',
    series: lines(perUseful),
  };
  const parts: BarChart = {
    kind: 'bars',
    name: 'parts',
    title: 'Where the CPU of a message goes',
    y: 'µs a message',
    groups: rows.map(({ adapter, gateways, cpu: used }) => ({
      name: `${adapter} ${gateways}`,
      parts: PROCESS_KINDS.map((kind) => ({ name: kind, value: used[kind] })),
    })),
  };
  return [cpu, parts, ...(heard.series.length > 0 ? [heard] : [])];
}

function verdicts(rows: Medians[], samples: Sample[], { rate, gateways }: ScaleOptions): Verdict[] {
  const many = gateways.at(-1) ?? 1;
  const few = gateways.includes(2) && many > 2 ? 2 : (gateways[0] ?? 1);
  const growths = ADAPTERS.flatMap((adapter) => {
    const at = (count: number) => rows.find((row) => row.adapter === adapter && row.gateways === count);
    const [a, b] = [at(few), at(many)];
    return a && b && a !== b ? [growth(a, b)] : [];
  });
  const wrong = samples.reduce((sum, one) => sum + one.lost + one.duplicated + one.reordered + one.refused, 0);
  const slowest = Math.min(...samples.map((one) => one.deliveredPerSecond));
  return [
    ...growths,
    { text: `${wrong} messages lost, duplicated, out of order or refused in all rounds`, ok: wrong === 0 },
    { text: `slowest round: ${slowest.toFixed(0)} of ${rate} messages a second`, ok: slowest >= rate * CARRIED },
  ];
}

function growth(few: Medians, many: Medians): Verdict {
  const ratio = many.cpu.sum / few.cpu.sum;
  const net = many.net.sum / few.net.sum;
  const [before, after] = [few.batchEntries ?? 0, many.batchEntries ?? 0];
  const alike = Math.abs(after / before - 1) <= ALIKE;
  const aimed = few.adapter === 'sharded';
  const target = aimed ? ` (target: at most ${TARGET})` : '';
  const problem = `; void: batches of ${before.toFixed(2)} and ${after.toFixed(2)} entries, so something queued`;
  return {
    text:
      `${few.adapter}: a message costs ${ratio.toFixed(2)} times as much CPU with ${many.gateways} gateways as with ` +
      `${few.gateways}${target}; without the background ${net.toFixed(2)}${alike ? '' : problem}`,
    ok: alike && (!aimed || ratio <= TARGET),
  };
}
