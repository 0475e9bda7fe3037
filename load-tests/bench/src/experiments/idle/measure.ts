import { setTimeout as delay } from 'node:timers/promises';
import { wholeNumber } from '@chat-cluster/runtime';
import { temporaryFolder } from '@chat-cluster/testkit';
import { mediansOf } from '@chat-cluster/testkit/lean-client';
import { collectedMemory, type Memory, measureCpu, memoryProbe } from '@chat-cluster/testkit/processes';
import { z } from 'zod';
import type { RunningArm } from '../../arms/arm.ts';
import { type OurOptions, startOurs } from '../../arms/ours.ts';
import { startIdleGateway } from '../../arms/stock.ts';
import { type ArmUnderLoad, startUnderLoad } from '../../arms/under-load.ts';
import { GROUP_SIZE } from '../../arms/users.ts';
import type { Log } from '../../experiment.ts';

export const IDLE_OPTIONS = z.object({
  connections: wholeNumber(1).default(5_000).describe('idle connections'),
  rounds: wholeNumber(1).default(3).describe('rounds of each server, in turn'),
  rest: wholeNumber(1)
    .default(50)
    .describe('seconds at rest in the last round: a multiple of the 25 s between heartbeats'),
  groups: wholeNumber(0)
    .default(0)
    .describe(`also groups of ${GROUP_SIZE} that each user is a member of; as many rooms on the stock server`),
});

export type IdleFigures = Awaited<ReturnType<typeof measureIdle>>;

const SERVERS = { ours: startOurs, stock: startIdleGateway };
type Kind = keyof typeof SERVERS;
/** Connections that are opened first, so that memory allocated once is not counted. */
export const WARM = 20;
/** Wait after the last connect, in ms: longer than a first badge takes, shorter than a heartbeat (25 s). */
const SETTLE_MS = 3_000;

/**
 * Measures this repository's gateway and a stock server in turn, so that a disturbance of the machine affects both:
 *
 *   start the server ─▶ read its memory ─▶ N connections ─▶ settle ─▶ read its memory again
 *
 * In the last round it also reads the CPU of a time at rest, in which there are only heartbeats.
 */
export async function measureIdle({ connections, rounds, rest, groups }: z.output<typeof IDLE_OPTIONS>, log: Log) {
  const each: Record<Kind, Memory[]> = { ours: [], stock: [] };
  const cpu = { ours: 0, stock: 0 };
  for (let round = 1; round <= rounds; round++) {
    for (const kind of ['ours', 'stock'] as const) {
      const result = await measureServer(kind, { connections, groups }, round === rounds ? rest : 0, log);
      each[kind].push(result.memory);
      cpu[kind] = result.cpu;
      const bytes = Object.entries(result.memory).map(([field, value]) => `${field} ${value.toFixed(0)}`);
      log(`round ${round}, ${kind.padEnd(5)}  bytes per connection: ${bytes.join(', ')}`);
    }
  }
  const [ours, stock] = [mediansOf(each.ours), mediansOf(each.stock)];
  return { connections, rounds, groups, ours, stock, ratio: combine(ours, stock, (a, b) => a / b), each, cpu };
}

/** Bytes per connection of one fresh server, and all of its CPU at rest in µs per connection and second. */
async function measureServer(
  kind: Kind,
  { connections, groups }: { connections: number; groups: number },
  restSeconds: number,
  log: Log,
) {
  await using undo = new AsyncDisposableStack();
  const { path: folder } = undo.use(temporaryFolder());
  const env = { ...memoryProbe(folder), CONNECTS_PER_SECOND: '1000000' };
  // Without groups nothing is stored.
  const size = { pairs: 0, idle: WARM + connections, groups, gateways: 1, workers: groups > 0 ? 1 : 0 };
  await using server = await startUnderLoad<RunningArm, OurOptions>(SERVERS[kind], { ...size, env, log });
  const gateway = server.arm.processes.filter(({ name }) => name === 'gateways');
  const readMemory = () => collectedMemory(gateway[0]?.pid ?? 0, folder);
  const memory = await growthPerConnection(server, readMemory);
  if (restSeconds === 0) return { memory, cpu: 0 };
  const cpuUsed = await measureCpu(gateway);
  await delay(restSeconds * 1_000);
  const { gateways: seconds = 0 } = await cpuUsed();
  return { memory, cpu: (seconds * 1e6) / restSeconds / connections };
}

/** The growth of each figure of `read` per idle connection of an arm. The first WARM connections do not count. */
export async function growthPerConnection<Field extends string>(
  { arm: { idle }, hold }: ArmUnderLoad<RunningArm>,
  read: () => Promise<Record<Field, number>>,
): Promise<Record<Field, number>> {
  await hold(idle.slice(0, WARM));
  const before = await read();
  await hold(idle.slice(WARM));
  await delay(SETTLE_MS);
  return combine(await read(), before, (a, b) => (a - b) / (idle.length - WARM));
}

function combine<Field extends string>(
  a: Record<Field, number>,
  b: Record<Field, number>,
  operation: (a: number, b: number) => number,
): Record<Field, number> {
  const fields = Object.keys(a) as Field[];
  return Object.fromEntries(fields.map((field) => [field, operation(a[field], b[field])])) as Record<Field, number>;
}
