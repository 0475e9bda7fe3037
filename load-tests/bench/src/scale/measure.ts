import { setTimeout as delay } from 'node:timers/promises';
import { cpuSeconds } from '../cpu.ts';
import { readMetrics } from '../metrics.ts';
import { type Pods, PROCESS_KINDS, type ProcessKind, startPods } from '../pods.ts';
import { percentile } from '../statistics.ts';
import { type Outcome, runTraffic } from '../traffic.ts';
import { closePairs, type Pair, spreadPairs } from '../users.ts';
import type { Adapter, ScaleOptions } from './options.ts';

/** One measurement: one adapter, one number of gateways, a cluster of its own. */
export interface Sample {
  adapter: Adapter;
  gateways: number;
  round: number;
  /** CPU of the cluster at rest, its users connected: milliseconds a second. */
  background: CpuByKind;
  /** CPU under traffic, all of it: microseconds a message. */
  cpu: CpuByKind;
  /** The same without what the background costs in that time. */
  net: CpuByKind;
  /** Of the load generator, microseconds a message. */
  generatorCpu: number;
  /** Emits of workers, messages of the adapter that gateways heard, and of these the ones they had a user for; per message. */
  published: number | null;
  received: number | null;
  useful: number | null;
  /** Mean of entries per lane batch. */
  batchEntries: number | null;
  messages: number;
  deliveredPerSecond: number;
  /** Milliseconds. */
  ack: { p50: number; p99: number };
  delivery: { p50: number; p99: number };
  refused: number;
  lost: number;
  duplicated: number;
  reordered: number;
}

export type CpuByKind = Record<ProcessKind | 'sum', number>;

/** Measures on a cluster of its own, which is stopped at the end. */
export async function measure(
  adapter: Adapter,
  gateways: number,
  round: number,
  options: ScaleOptions,
): Promise<Sample> {
  const { workers, lanes } = options;
  // A line of the orchestrator here is a process that ended: then the figures are void.
  const log = (line: string) => problems.push(line);
  const problems: string[] = [];
  await using pods = await startPods({ gateways, workers, lanes, env: { REDIS_ADAPTER: adapter }, log });
  const pairs = await spreadPairs(pods, Math.ceil(options.users / 2));
  try {
    const { size, seconds, rate, warmUpMessages: messages } = options;
    await runTraffic(pairs, {
      rate: 0,
      inFlight: options.users,
      messages,
      warmUpSeconds: 0,
      seconds: WARM_WITHIN_S,
      size,
    });
    await delay(SETTLE_MS);
    const background = await restCost(pods, options.backgroundSeconds);
    const traffic = await trafficCost(pods, pairs, { rate, inFlight: 0, warmUpSeconds: 0, seconds, size });
    if (problems.length > 0) throw new Error(problems.join(' '));
    return { adapter, gateways, round, background, ...subtract(background, traffic) };
  } finally {
    closePairs(pairs);
  }
}

/** Twenty times as long as 24,000 messages take on two cores. */
const WARM_WITHIN_S = 120;
/** Garbage of the warm-up is collected, and the last recounts are done, before the background is measured. */
const SETTLE_MS = 1_500;

async function restCost(pods: Pods, seconds: number): Promise<CpuByKind> {
  const start = performance.now();
  const before = await cpuSeconds(pods.processes());
  await delay(seconds * 1_000);
  const after = await cpuSeconds(pods.processes());
  const elapsed = (performance.now() - start) / 1_000;
  return byKind((kind) => ((read(after, kind) - read(before, kind)) * 1_000) / elapsed);
}

type Traffic = Omit<Sample, 'adapter' | 'gateways' | 'round' | 'background' | 'net'> & { elapsedSeconds: number };

async function trafficCost(pods: Pods, pairs: Pair[], options: Parameters<typeof runTraffic>[1]): Promise<Traffic> {
  const metrics = () => readMetrics([...pods.gateways, ...pods.workers].map(({ adminUrl }) => adminUrl));
  const [metricsBefore, cpuBefore] = [await metrics(), await cpuSeconds(pods.processes())];
  const [start, generator] = [performance.now(), process.cpuUsage()];
  const outcome = await runTraffic(pairs, options);
  const { user, system } = process.cpuUsage(generator);
  const elapsedSeconds = (performance.now() - start) / 1_000;
  const [cpuAfter, metricsAfter] = [await cpuSeconds(pods.processes()), await metrics()];
  const messages = outcome.acked;
  const counted = (name: string) => {
    const now = metricsAfter.get(name);
    return now === undefined ? null : now - (metricsBefore.get(name) ?? 0);
  };
  const perMessage = (count: number | null) => (count === null ? null : count / messages);
  const batches = counted('chat_lane_batch_entries_count');
  return {
    elapsedSeconds,
    cpu: byKind((kind) => ((read(cpuAfter, kind) - read(cpuBefore, kind)) * 1e6) / messages),
    generatorCpu: (user + system) / messages,
    published: perMessage(counted('chat_fanout_published_total')),
    received: perMessage(counted('chat_fanout_received_total')),
    useful: perMessage(counted('chat_fanout_useful_total')),
    batchEntries: batches ? (counted('chat_lane_batch_entries_sum') ?? 0) / batches : null,
    ...summary(outcome),
  };
}

function summary(outcome: Outcome) {
  const latency = (values: number[]) => ({ p50: percentile(values, 0.5), p99: percentile(values, 0.99) });
  return {
    messages: outcome.acked,
    deliveredPerSecond: outcome.delivered / outcome.seconds,
    ack: latency(outcome.ackLatencies),
    delivery: latency(outcome.deliveryLatencies),
    refused: [...outcome.refused.values()].reduce((sum, count) => sum + count, 0),
    lost: outcome.lost,
    duplicated: outcome.duplicated,
    reordered: outcome.reordered,
  };
}

function subtract(background: CpuByKind, { elapsedSeconds, ...traffic }: Traffic) {
  const share = (elapsedSeconds * 1_000) / traffic.messages;
  return { ...traffic, net: byKind((kind) => traffic.cpu[kind] - background[kind] * share) };
}

function byKind(value: (kind: ProcessKind) => number): CpuByKind {
  const kinds = Object.fromEntries(PROCESS_KINDS.map((kind) => [kind, value(kind)])) as Record<ProcessKind, number>;
  return { ...kinds, sum: PROCESS_KINDS.reduce((sum, kind) => sum + kinds[kind], 0) };
}

function read(cpu: Map<string, number>, kind: ProcessKind): number {
  return cpu.get(kind) ?? 0;
}
