import { mediansOf, sumsOf } from '@chat-cluster/testkit/lean-client';
import { barChart, lineChart } from '@chat-cluster/testkit/report';
import { type Column, latencyColumns, type Report, table, type Verdict, verdict } from '../../results/report.ts';
import { ADAPTERS, KINDS, type Sample, type ScaleOptions } from './measure.ts';

/** Upper bound of the CPU of a message with 8 gateways, as a multiple of that with 2. */
const TARGET = 1.3;
/**
 * Largest relative difference of mean batch sizes at which two figures are compared. Where something queues, batches
 * grow and messages get cheaper, so a machine that is too slow for the rate would look like a cluster that scales well.
 */
const BATCH_TOLERANCE = 0.15;
/** Least share of the requested rate; below it, something queued. */
const CARRIED = 0.98;
const ERRORS = ['refused', 'lost', 'duplicated', 'reordered'] as const;

/** One adapter and one number of gateways: the medians of the rounds, and the sums of the errors. */
type Row = Sample & { samples: number };

export function reportScale(options: ScaleOptions, samples: Sample[]): Report {
  const groups = Map.groupBy(samples, ({ adapter, gateways }) => `${adapter} ${gateways}`);
  const rows = [...groups.values()]
    .map((group): Row => ({ ...mediansOf(group), ...sumsOf(group, ERRORS), samples: group.length }))
    .sort((a, b) => ADAPTERS.indexOf(a.adapter) - ADAPTERS.indexOf(b.adapter));
  const { users, rate, rounds, seconds, workers, lanes, size, warmUp } = options;
  return {
    title: 'What a message costs, by the number of gateways',
    method:
      `${users} users in pairs on different gateways send ${rate} messages a second by the clock, ${size} characters each; ` +
      `${workers} worker${workers > 1 ? 's' : ''}, ${lanes} lanes; medians of ${rounds} rounds of ${seconds} s, each on a ` +
      `cluster of its own after ${warmUp} messages at full speed. Every gateway is a process with an address of its own; ` +
      'there is no load balancer before them. All CPU that the kernel charged to the processes counts (/proc). ' +
      '"Background" is what the same cluster uses at rest, with its users connected: probes, timers, the audit. It does not ' +
      'depend on the traffic, so "net" leaves it out; the verdict is on the sum, which is what an operator pays.',
    figures: { options, medians: rows, samples },
    tables: tables(rows),
    charts: charts(rows),
    verdicts: verdicts(rows, samples, options),
  };
}

function tables(rows: Row[]) {
  const configuration = ['adapter', 'gateways'] as const;
  const fanout =
    'Fan-out per message: emits of workers, adapter messages that gateways received, those with a user on the gateway';
  return [
    table('CPU, µs per message; background in ms per second', rows, [
      ...configuration,
      ...[...KINDS, 'sum' as const].map((kind): Column<Row> => [kind, ({ cpu }) => cpu[kind], 0]),
      ['net', ({ net }) => net.sum, 0],
      ['background', ({ background }) => background.sum, 0],
      ['generator', ({ generatorCpu }) => generatorCpu, 0],
    ]),
    table(fanout, rows, [
      ...configuration,
      ...(['published', 'received', 'useful'] as const).map((field): Column<Row> => [field, (row) => row[field], 2]),
      ['received per useful', receivedPerUseful, 2],
      ['entries per batch', ({ batchEntries }) => batchEntries, 2],
    ]),
    table('Traffic: latencies in ms from the due time', rows, [
      ...configuration,
      ['msg/s', ({ deliveredPerSecond }) => deliveredPerSecond, 0],
      ...latencyColumns('ack', ({ ack }: Row) => ack),
      ...latencyColumns('delivery', ({ delivery }: Row) => delivery),
      ...ERRORS,
    ]),
  ];
}

function receivedPerUseful({ received, useful }: Row): number {
  return received / useful;
}

function charts(rows: Row[]) {
  const lines = (name: string, title: string, y: string, value: (row: Row) => number) => {
    const series = [...Map.groupBy(rows, ({ adapter }) => adapter)].map(([adapter, own]) => ({
      name: `${adapter} adapter`,
      points: own.map((row): [number, number] => [row.gateways, value(row)]),
    }));
    return lineChart(name, title, 'gateways', y, series);
  };
  const parts = rows.map(({ adapter, gateways, cpu: { sum, ...cpu } }) => {
    return { name: `${adapter} ${gateways}`, parts: cpu };
  });
  return [
    lines('cpu', 'CPU of the whole cluster per message', 'µs per message', ({ cpu }) => cpu.sum),
    barChart('parts', 'CPU of a message by process', 'µs per message', parts),
    lines('fanout', 'Adapter messages received per useful one', 'received per useful', receivedPerUseful),
  ];
}

function verdicts(rows: Row[], samples: Sample[], { rate, gateways }: ScaleOptions): Verdict[] {
  const many = gateways.at(-1) ?? 1;
  const few = gateways.includes(2) && many > 2 ? 2 : (gateways[0] ?? 1);
  const growths = ADAPTERS.flatMap((adapter) => {
    const at = (count: number) => rows.find((row) => row.adapter === adapter && row.gateways === count);
    const [a, b] = [at(few), at(many)];
    return a && b && a !== b ? [growth(a, b)] : [];
  });
  const errors = Object.values(sumsOf(samples, ERRORS)).reduce((sum, count) => sum + count);
  const slowest = Math.min(...samples.map(({ deliveredPerSecond }) => deliveredPerSecond));
  return [
    ...growths,
    verdict(errors === 0, `${errors} messages lost, duplicated, out of order or refused in all rounds`),
    verdict(slowest >= rate * CARRIED, `slowest round: ${slowest.toFixed(0)} of ${rate} messages a second`),
  ];
}

function growth(few: Row, many: Row): Verdict {
  const ratio = many.cpu.sum / few.cpu.sum;
  const net = many.net.sum / few.net.sum;
  const [before, after] = [few.batchEntries, many.batchEntries];
  const isComparable = Math.abs(after / before - 1) <= BATCH_TOLERANCE;
  const hasTarget = few.adapter === 'sharded';
  const problem = `; void: batches of ${before.toFixed(2)} and ${after.toFixed(2)} entries, so messages queued`;
  const text =
    `${few.adapter}: a message costs ${ratio.toFixed(2)} times as much CPU with ${many.gateways} gateways as with ` +
    `${few.gateways}${hasTarget ? ` (target: at most ${TARGET})` : ''}; without the background ${net.toFixed(2)}`;
  return verdict(isComparable && (!hasTarget || ratio <= TARGET), isComparable ? text : text + problem);
}
