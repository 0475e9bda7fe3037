import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Arm } from './arms.ts';
import { startGenerator } from './generator-process.ts';

/** A few pairs first, so that what is made once is not counted. */
const WARM_PAIRS = 10;
/** After the last connect: longer than any first badge takes. */
const SETTLE_MS = 1_500;

/** Bytes of resident memory that each of so many idle connections adds to the gateways (or ejabberd) of a fresh arm. */
export async function measureIdle(arm: Arm, count: number, say: (line: string) => void): Promise<number> {
  await using running = await arm.start({ pairs: WARM_PAIRS, idle: count, say, log: say });
  await using generator = await startGenerator(running);
  const pids = running.processes.filter(({ name }) => name === 'gateways' || name === 'ejabberd').map(({ pid }) => pid);
  const before = await residentBytes(pids);
  await generator.hold(running.idle);
  await delay(SETTLE_MS);
  return ((await residentBytes(pids)) - before) / count;
}

async function residentBytes(pids: readonly number[]): Promise<number> {
  const texts = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/status`, 'utf8')));
  return texts.reduce((sum, text) => sum + Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) * 1_024, 0);
}
