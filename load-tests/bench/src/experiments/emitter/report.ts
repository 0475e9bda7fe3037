import { mediansOf } from '@chat-cluster/testkit/lean-client';
import { barChart } from '@chat-cluster/testkit/report';
import { type Report, table, type Verdict, verdict } from '../../results/report.ts';
import { ARMS, type Arm, type EmitterOptions, LOADS, type Sample } from './measure.ts';

export function reportEmitter(options: EmitterOptions, samples: Sample[]): Report {
  const medians = LOADS.flatMap(({ entries }) =>
    ARMS.map((arm) => mediansOf(samples.filter((one) => one.arm === arm && one.entries === entries))),
  );
  const bars = LOADS.flatMap(({ entries }) =>
    (['emitter', 'server'] as const).map((arm) => ({
      name: `${arm} ${entries}`,
      parts: { 'loop alone': cpuOf('loop alone', entries, medians), publishing: cpuOf(arm, entries, medians) },
    })),
  );
  return {
    title: 'What publishing costs the worker',
    method:
      `Each message goes to two users; ${options.users} users on ${options.gateways} subscribers, a private Redis. ` +
      `Medians of ${options.rounds} rounds of ${options.seconds} s; the publishers take turns. "emitter" is the one of ` +
      'packages/redis, "server" a Socket.IO server without clients and its sharded adapter, "loop alone" the same process ' +
      'when it publishes nothing. The CPU of a publisher includes that of node-redis.',
    figures: { options, medians, samples },
    tables: [
      table('CPU, µs per message', medians, [
        ['publisher', ({ arm }) => arm],
        ['messages per batch', ({ entries }) => entries],
        ['CPU of the publisher', ({ publisherCpu }) => publisherCpu, 1],
        ['CPU of Redis', ({ redisCpu }) => redisCpu, 1],
        ['received per message', ({ received }) => received, 2],
      ]),
    ],
    charts: [barChart('cpu', 'CPU of the publishing process, by messages per batch', 'µs per message', bars)],
    verdicts: verdicts(medians),
  };
}

function verdicts(medians: Sample[]): Verdict[] {
  const ratios = LOADS.map(({ entries }) => {
    const ratio = cpuOf('emitter', entries, medians) / cpuOf('server', entries, medians);
    return verdict(true, `batches of ${entries}: the emitter uses ${(ratio * 100).toFixed(0)} % of the server's CPU`);
  });
  const allReceived = medians.every(({ arm, received }) => Math.abs(received - (arm === 'loop alone' ? 0 : 2)) < 0.001);
  return [...ratios, verdict(allReceived, 'each message was received twice, from either publisher')];
}

/** CPU of the publisher, µs per message; of an arm that publishes, without what the process costs anyway. */
function cpuOf(arm: Arm, entries: number, medians: Sample[]): number {
  const of = (name: Arm) => medians.find((one) => one.arm === name && one.entries === entries)?.publisherCpu ?? 0;
  return arm === 'loop alone' ? of(arm) : of(arm) - of('loop alone');
}
