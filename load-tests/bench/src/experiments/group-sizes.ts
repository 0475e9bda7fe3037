import { setTimeout as delay } from 'node:timers/promises';
import { wholeNumber, wholeNumbers } from '@chat-cluster/runtime';
import { mediansOf, sumsOf } from '@chat-cluster/testkit/lean-client';
import { z } from 'zod';
import type { OurOptions, RunningOurs } from '../arms/ours.ts';
import { startUnderLoad } from '../arms/under-load.ts';
import type { Log } from '../experiment.ts';
import { type Column, latencyColumns, noErrors, type Report, table, verdict } from '../results/report.ts';
import { startOurGroup } from './groups/measure.ts';
import { byKind, KINDS, measureBackground } from './scale/measure.ts';

export const GROUP_SIZES_OPTIONS = z.object({
  sizes: wholeNumbers(2, 1_000).default([5, 32, 50, 500]).describe('members of the group, each with one device'),
  rate: wholeNumber(1).default(40).describe('messages a second to the group: a rate at which nothing queues'),
  rounds: wholeNumber(1).default(2).describe('rounds, up and down again'),
  seconds: wholeNumber(1).default(10).describe('measured time'),
  warmUp: wholeNumber(0).default(10).describe('seconds of traffic before the measurement'),
  background: wholeNumber(1).default(4).describe('seconds at rest before the measurement'),
});
export type GroupSizesOptions = z.output<typeof GROUP_SIZES_OPTIONS>;

/** A group of one size in one round, on a cluster of its own. */
export type GroupSizeSample = Awaited<ReturnType<typeof measureGroupSizes>>[number];

/** Time in which recounts and garbage of the warm-up end, in ms. */
const SETTLE_MS = 2_000;
/** Least share of the requested rate; below it, something queued. */
const CARRIED = 0.98;
const ERRORS = ['sent', 'refused', 'lost', 'duplicated', 'reordered'] as const;

/** Measures what a message costs in groups of each size. */
export async function measureGroupSizes({ sizes, rounds, ...options }: GroupSizesOptions, log: Log) {
  const samples = [];
  for (let round = 0; round < rounds; round++) {
    for (const members of round % 2 === 0 ? sizes : sizes.toReversed()) {
      const sample = { members, ...(await measureSize(members, options)) };
      samples.push(sample);
      log(`round ${round + 1} of ${rounds}, ${members} members: ${sample.cpu.sum.toFixed(0)} µs a message`);
    }
  }
  return samples;
}

async function measureSize(members: number, options: Omit<GroupSizesOptions, 'sizes' | 'rounds'>) {
  const { rate, seconds, warmUp, background } = options;
  const size = { pairs: 0, idle: members, log: () => {} };
  await using cluster = await startUnderLoad<RunningOurs, OurOptions>(startOurGroup, size);
  if (warmUp > 0) await cluster.run({ rate, seconds: warmUp, size: 100 });
  await delay(SETTLE_MS);
  const atRest = await measureBackground(cluster.arm, background);
  const outcome = await cluster.run({ rate, seconds, size: 100 });
  if (outcome.died !== undefined) throw new Error(outcome.died);
  const { deliveredPerSecond, delivery, cpu, sent, refused, lost, duplicated, reordered } = outcome;
  return {
    // In µs per message, without what the cluster uses at rest.
    cpu: byKind((kind) => (cpu[kind] ?? 0) - (atRest[kind] * 1_000) / deliveredPerSecond),
    generatorCpu: cpu.generator ?? 0,
    ...{ deliveredPerSecond, delivery, sent, refused, lost, duplicated, reordered },
  };
}

export function reportGroupSizes(
  { rate, rounds, seconds, ...options }: GroupSizesOptions,
  samples: GroupSizeSample[],
): Report {
  const bySize = [...Map.groupBy(samples, ({ members }) => members).values()];
  const rows = bySize.map((group): GroupSizeSample => ({ ...mediansOf(group), ...sumsOf(group, ERRORS) }));
  const errors = noErrors(sumsOf(samples, ERRORS));
  const slowest = Math.min(...samples.map(({ deliveredPerSecond }) => deliveredPerSecond));
  const kinds = [...KINDS, 'sum'] as const;
  return {
    title: 'What a message to a group costs, by the size of the group',
    method:
      `One group, whose members have one device each on 2 gateways and send in turn, ${rate} messages a second by the ` +
      `clock, 100 characters each; 1 worker, 4 lanes. Medians of ${rounds} rounds of ${seconds} s, each on a cluster of its ` +
      'own, without what the cluster uses at rest. A message is delivered to all members, the sender included; the badges of ' +
      'the others are part of its cost. Groups of more than 32 members are published to one room.',
    figures: { options: { rate, rounds, seconds, ...options }, medians: rows, samples },
    tables: [
      table('CPU, ms per message', rows, [
        'members',
        ...kinds.map((kind): Column<GroupSizeSample> => [kind, ({ cpu }) => cpu[kind] / 1_000, 2]),
        ['generator', ({ generatorCpu }) => generatorCpu / 1_000, 2],
      ]),
      table('CPU, µs per delivery', rows, [
        'members',
        ...kinds.map((kind): Column<GroupSizeSample> => [kind, ({ cpu, members }) => cpu[kind] / members, 1]),
      ]),
      table('Latency until the last member, ms from the due time', rows, [
        'members',
        ...latencyColumns('delivery', ({ delivery }: GroupSizeSample) => delivery),
      ]),
    ],
    charts: [],
    verdicts: [
      errors,
      verdict(slowest >= rate * CARRIED, `slowest round: ${slowest.toFixed(1)} of ${rate} messages a second`),
    ],
  };
}
