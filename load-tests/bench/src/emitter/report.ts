import type { Report, Verdict } from '../experiment.ts';
import type { BarChart } from '../results/chart.ts';
import { median } from '../statistics.ts';
import { ARMS, type Arm, type EmitterOptions, type Figure, LOADS } from './slices.ts';

const PUBLISHERS = ['emitter', 'server'] as const;

export function reportEmitters(options: EmitterOptions, samples: Figure[]): Report {
  const medians = LOADS.flatMap(({ entries }) => ARMS.map((arm) => mediansOf(arm, entries, samples)));
  return {
    title: 'What publishing costs the worker',
    method:
      `Each message goes to two users; ${options.users} users on ${options.gateways} subscribers, a private Redis. ` +
      `Medians of ${options.rounds} rounds of ${options.seconds} s; the publishers take turns. "emitter" is that of ` +
      'packages/redis, "server" a Socket.IO server without clients and its sharded adapter, "loop alone" the same ' +
      'process when it publishes nothing; what node-redis does is in their CPU.',
    figures: { options, medians, samples },
    tables: [
      {
        caption: 'CPU, µs a message',
        columns: ['publisher', 'messages per batch', 'its CPU', 'CPU of Redis', 'heard per message'],
        rows: medians.map(({ arm, entries, publisherCpu, redisCpu, heard }) => [
          arm,
          entries,
          publisherCpu.toFixed(1),
          redisCpu.toFixed(1),
          heard.toFixed(2),
        ]),
      },
    ],
    charts: [chart(medians)],
    verdicts: verdicts(medians),
  };
}

type Medians = Omit<Figure, 'round'>;

function mediansOf(arm: Arm, entries: number, samples: Figure[]): Medians {
  const own = samples.filter((one) => one.arm === arm && one.entries === entries);
  const of = (value: (figure: Figure) => number) => median(own.map(value));
  return {
    arm,
    entries,
    publisherCpu: of((one) => one.publisherCpu),
    redisCpu: of((one) => one.redisCpu),
    heard: of((one) => one.heard),
  };
}

function chart(medians: Medians[]): BarChart {
  return {
    kind: 'bars',
    name: 'cpu',
    title: 'CPU of the publishing process, by messages per batch',
    y: 'µs a message',
    groups: LOADS.flatMap(({ entries }) =>
      PUBLISHERS.map((arm) => ({
        name: `${arm} ${entries}`,
        parts: [
          { name: 'loop alone', value: costOf('loop alone', entries, medians) },
          { name: 'publishing', value: publishingOf(arm, entries, medians) },
        ],
      })),
    ),
  };
}

function verdicts(medians: Medians[]): Verdict[] {
  const ratios = LOADS.map(({ entries }) => {
    const [ours, theirs] = [publishingOf('emitter', entries, medians), publishingOf('server', entries, medians)];
    const text = `batches of ${entries}: the emitter takes ${((ours / theirs) * 100).toFixed(0)} % of the server's CPU`;
    return { text, ok: true };
  });
  const heardTwice = medians.every(({ arm, heard }) => Math.abs(heard - (arm === 'loop alone' ? 0 : 2)) < 0.001);
  return [...ratios, { text: 'each message was heard twice, whoever published it', ok: heardTwice }];
}

function publishingOf(arm: Arm, entries: number, medians: Medians[]): number {
  return costOf(arm, entries, medians) - costOf('loop alone', entries, medians);
}

function costOf(arm: Arm, entries: number, medians: Medians[]): number {
  return medians.find((one) => one.arm === arm && one.entries === entries)?.publisherCpu ?? 0;
}
