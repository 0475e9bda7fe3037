import { setTimeout as delay } from 'node:timers/promises';
import type { ClusterOverview } from '@chat-cluster/contracts';
import { every, wholeNumber } from '@chat-cluster/runtime';
import { quantile } from '@chat-cluster/testkit/lean-client';
import { measureCpu } from '@chat-cluster/testkit/processes';
import { z } from 'zod';
import type { ProcessKind } from '../arms/arm.ts';
import { type OurOptions, type RunningOurs, startOurs } from '../arms/ours.ts';
import { startUnderLoad } from '../arms/under-load.ts';
import type { Log } from '../experiment.ts';
import { list, type Report, table, verdict } from '../results/report.ts';

export const CLUSTER_VIEW_OPTIONS = z.object({
  connections: wholeNumber(1).default(5_000).describe('idle connections'),
  rounds: wholeNumber(1).default(3).describe('rounds of closed and open, in turn'),
  seconds: wholeNumber(1).default(50).describe('seconds of each: a multiple of the 25 s between heartbeats'),
});

type ClusterViewFigures = Awaited<ReturnType<typeof measureClusterView>>;

/** Time between two requests of a page, in ms. */
const POLL_MS = 2_000;
/** Wait after the last connect, in ms. */
const SETTLE_MS = 5_000;

/** Upper bound of the CPU of the snapshots in a process, in percent of one core. */
const TARGET = 0.5;
const KINDS: readonly ProcessKind[] = ['gateways', 'workers', 'redis', 'postgres'];

/** CPU of each kind of process in percent of one core. */
type Cpu = Partial<Record<ProcessKind, number>>;

/** Measures the CPU of a cluster with idle connections, in turn without a page and with one. */
export async function measureClusterView(options: z.output<typeof CLUSTER_VIEW_OPTIONS>, log: Log) {
  const { connections, rounds, seconds } = options;
  const env = { CONNECTS_PER_SECOND: '1000000' };
  const size = { pairs: 0, idle: connections, gateways: 2, workers: 1 };
  await using server = await startUnderLoad<RunningOurs, OurOptions>(startOurs, { ...size, env, log });
  const { arm, hold } = server;
  await hold(arm.idle);
  await delay(SETTLE_MS);
  const view = `${arm.workers[0]?.adminUrl}/cluster/api/overview`;
  const read = async () => (await (await fetch(view)).json()) as ClusterOverview;
  const cpuOf = async (work: () => Promise<unknown>): Promise<Cpu> => {
    const used = await measureCpu(arm.processes);
    await work();
    return Object.fromEntries(Object.entries(await used()).map(([kind, cpu]) => [kind, (100 * cpu) / seconds]));
  };
  const each: { closed: Cpu[]; open: Cpu[] } = { closed: [], open: [] };
  const requests: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    each.closed.push(await cpuOf(() => delay(seconds * 1_000)));
    each.open.push(await cpuOf(() => keepOpen(read, seconds, requests)));
    log(`round ${round}: closed ${JSON.stringify(each.closed.at(-1))}, open ${JSON.stringify(each.open.at(-1))}`);
  }
  const { snapshotCpuPercent, gateways } = await read();
  const connected = gateways.reduce((sum, one) => sum + one.connections, 0);
  return { connections: connected, rounds, seconds, each, snapshotCpuPercent, overviewMs: quantile(requests, 0.5) };
}

/** One page for some seconds. Adds the duration of each request to `requests`, in ms. */
async function keepOpen(read: () => Promise<unknown>, seconds: number, requests: number[]): Promise<void> {
  const polls = every(POLL_MS, async () => {
    const began = performance.now();
    await read();
    requests.push(performance.now() - began);
  });
  polls.now();
  await delay(seconds * 1_000);
  await polls.stop();
}

export function reportClusterView(figures: ClusterViewFigures): Report {
  const { connections, rounds, seconds, each, snapshotCpuPercent, overviewMs } = figures;
  const median = (state: 'closed' | 'open', kind: ProcessKind) =>
    quantile(
      each[state].map((cpu) => cpu[kind] ?? 0),
      0.5,
    );
  return {
    title: 'What the cluster view costs',
    method:
      `${connections} idle websockets on two gateways, one worker; in turn ${seconds} s without a page, and with a page that reads ` +
      `the overview every 2 s. Medians of ${rounds} rounds. The CPU includes the heartbeats of the connections.`,
    figures,
    tables: [
      table('CPU, percent of one core', KINDS, [
        ['process', (kind) => kind],
        ['closed', (kind) => median('closed', kind), 2],
        ['open', (kind) => median('open', kind), 2],
        ['difference', (kind) => median('open', kind) - median('closed', kind), 2],
      ]),
      list('Snapshots and responses', [
        ['writing snapshots, in each process, percent of one core', snapshotCpuPercent.toFixed(3)],
        ['response time of the overview, median, ms', overviewMs.toFixed(1)],
      ]),
    ],
    charts: [],
    verdicts: [
      verdict(
        snapshotCpuPercent <= TARGET,
        `writing snapshots takes ${snapshotCpuPercent.toFixed(3)} % of one core in each process (target: at most ${TARGET} %)`,
      ),
    ],
  };
}
