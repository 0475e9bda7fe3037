import { setTimeout as delay } from 'node:timers/promises';
import { wholeNumber, wholeNumbers } from '@chat-cluster/runtime';
import { readMetrics } from '@chat-cluster/testkit';
import { measureCpu } from '@chat-cluster/testkit/processes';
import { z } from 'zod';
import { type RunningOurs, startOurs } from '../../arms/ours.ts';
import { type ArmUnderLoad, startUnderLoad } from '../../arms/under-load.ts';
import { type Log, someOf } from '../../experiment.ts';

export const ADAPTERS = ['sharded', 'classic'] as const;
/** The processes whose CPU a message costs. */
export const KINDS = ['postgres', 'redis', 'gateways', 'workers'] as const;

export const SCALE_OPTIONS = z.object({
  adapters: someOf(ADAPTERS).describe('adapters'),
  gateways: wholeNumbers(1)
    .transform((counts) => [...new Set(counts)].sort((a, b) => a - b))
    .default([1, 2, 4, 8])
    .describe('numbers of gateways'),
  rate: wholeNumber(1).default(120).describe('messages a second of all users together: a rate at which nothing queues'),
  users: wholeNumber(1).default(200).describe('users, in pairs on different gateways'),
  rounds: wholeNumber(1).default(3).describe('rounds, up and down again: 1,2,4,8,8,4,2,1 ...'),
  seconds: wholeNumber(1).default(10).describe('measured time'),
  warmUp: wholeNumber(1)
    .default(24_000)
    .describe('messages at full speed before the measurement: every gateway compiles its code'),
  background: wholeNumber(1).default(4).describe('seconds at rest before the measurement'),
  workers: wholeNumber(1).default(1).describe('worker processes'),
  lanes: wholeNumber(1).default(4).describe('lanes'),
  size: wholeNumber(1).default(100).describe('characters of a message'),
});
export type ScaleOptions = z.output<typeof SCALE_OPTIONS>;

/** One adapter and one number of gateways in one round, on a cluster of its own. */
export type Sample = Awaited<ReturnType<typeof measureScale>>[number];

type CpuByKind = Record<(typeof KINDS)[number] | 'sum', number>;

/** Upper bound of the warm-up: twenty times what 24,000 messages take on two cores. */
const WARM_WITHIN_S = 120;
/**
 * After the warm-up, in ms: its garbage is collected and the last recounts are done before the background is measured.
 */
const SETTLE_MS = 1_500;

/** Measures every number of gateways with both adapters, in rounds. */
export async function measureScale(options: ScaleOptions, log: Log) {
  const plan = planOf(options);
  const samples = [];
  for (const { adapter, gateways, round } of plan) {
    const sample = { adapter, gateways, round, ...(await measureCluster(adapter, gateways, options)) };
    const count = samples.push(sample);
    log(`${count}/${plan.length} ${adapter}, gateways: ${gateways}, ${sample.cpu.sum.toFixed(0)} µs a message`);
  }
  return samples;
}

/** Up and down again, with the adapters changing places, so that a disturbance of the machine affects all alike. */
function planOf({ adapters, gateways, rounds }: ScaleOptions) {
  return Array.from({ length: rounds }, (_, round) => {
    const up = gateways.flatMap((count) => adapters.map((adapter) => ({ adapter, gateways: count, round })));
    return round % 2 === 0 ? up : up.toReversed();
  }).flat();
}

async function measureCluster(adapter: (typeof ADAPTERS)[number], gateways: number, options: ScaleOptions) {
  const { workers, lanes, users, warmUp: messages } = options;
  const size = { pairs: Math.ceil(users / 2), idle: 0, gateways, workers, lanes };
  const env = { REDIS_ADAPTER: adapter };
  await using cluster = await startUnderLoad(startOurs, { ...size, env, log: () => {} });
  await cluster.run({ inFlight: users, messages, seconds: WARM_WITHIN_S, size: options.size });
  await delay(SETTLE_MS);
  const background = await measureBackground(cluster.arm, options.background);
  const traffic = await measureTraffic(cluster, options);
  const net = byKind((kind) => traffic.cpu[kind] - (background[kind] * 1_000) / traffic.deliveredPerSecond);
  return { background, ...traffic, net };
}

/** CPU at rest with all users connected, in ms per second. */
export async function measureBackground({ processes }: RunningOurs, seconds: number): Promise<CpuByKind> {
  const cpuUsed = await measureCpu(processes);
  await delay(seconds * 1_000);
  const used = await cpuUsed();
  return byKind((kind) => ((used[kind] ?? 0) * 1_000) / seconds);
}

async function measureTraffic({ arm, run }: ArmUnderLoad<RunningOurs>, { rate, seconds, size }: ScaleOptions) {
  const metrics = () => readMetrics([...arm.gateways, ...arm.workers].map(({ adminUrl }) => adminUrl));
  const before = await metrics();
  const outcome = await run({ rate, seconds, size });
  if (outcome.died !== undefined) throw new Error(outcome.died);
  const after = await metrics();
  const { sent, refused, lost, duplicated, reordered, deliveredPerSecond, delivery, ack = delivery, cpu } = outcome;
  const messages = sent - refused - lost;
  const increase = (name: string) => (after.get(name) ?? Number.NaN) - (before.get(name) ?? 0);
  return {
    // In µs per message: all processes, background included; and the load generator.
    cpu: byKind((kind) => cpu[kind] ?? 0),
    generatorCpu: cpu.generator ?? 0,
    // Per message: emits of workers, adapter messages that gateways received, and those with a user on the gateway.
    published: increase('chat_fanout_published_total') / messages,
    received: increase('chat_fanout_received_total') / messages,
    useful: increase('chat_fanout_useful_total') / messages,
    // Mean entries of a lane batch.
    batchEntries: increase('chat_lane_batch_entries_sum') / increase('chat_lane_batch_entries_count'),
    ...{ messages, deliveredPerSecond, ack, delivery, refused, lost, duplicated, reordered },
  };
}

/** A figure of each kind of process, and their sum. */
export function byKind(value: (kind: (typeof KINDS)[number]) => number): CpuByKind {
  const kinds = Object.fromEntries(KINDS.map((kind) => [kind, value(kind)])) as Omit<CpuByKind, 'sum'>;
  return { ...kinds, sum: KINDS.reduce((sum, kind) => sum + kinds[kind], 0) };
}
