import { readFile } from 'node:fs/promises';
import { every } from '@chat-cluster/runtime';

export interface NamedProcess {
  name: string;
  pid: number;
}

/** Clock ticks per second in /proc; Linux fixes them at 100 for user space. */
const TICKS = 100;

/**
 * Starts measuring the CPU of processes and all of their children. The returned function resolves with the CPU seconds
 * used since, by name: processes with the same name are added up. Reads /proc, so it works on Linux only.
 */
export async function measureCpu(processes: readonly NamedProcess[]): Promise<() => Promise<Record<string, number>>> {
  const before = await cpuSeconds(processes);
  return async () => {
    const after = await cpuSeconds(processes);
    return Object.fromEntries(Object.entries(after).map(([name, used]) => [name, used - (before[name] ?? 0)]));
  };
}

/** CPU seconds used by processes and all of their children since their start, by name. */
export async function cpuSeconds(processes: readonly NamedProcess[]): Promise<Record<string, number>> {
  const used: Record<string, number> = {};
  for (const { name, pid } of processes) used[name] = (used[name] ?? 0) + (await cpuOfTree(pid));
  return used;
}

async function cpuOfTree(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (!stat) return 0;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Its own time, and the time of children that have ended.
  const own = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS;
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const parts = await Promise.all(children.split(' ').filter(Boolean).map(Number).map(cpuOfTree));
  return parts.reduce((sum, seconds) => sum + seconds, own);
}

/** Resident memory of a process in bytes: `VmRSS` now, `VmHWM` its maximum so far. 0 when the process has ended. */
export async function residentBytes(pid: number, field: 'VmRSS' | 'VmHWM' = 'VmRSS'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) * 1_024;
}

/** Largest growth since the first sample, in MB. Samples are in bytes. */
export function growthMb(samples: readonly number[] = []): number {
  return Math.round((Math.max(...samples) - (samples[0] ?? 0)) / 1_024 ** 2);
}

/** Resident memory of each process in bytes, sampled from now until `stop`. */
export function watchMemory(pids: readonly number[], everyMs = 50) {
  const samples = pids.map((): number[] => []);
  const sampling = every(everyMs, async () => {
    const values = await Promise.all(pids.map((pid) => residentBytes(pid)));
    for (const [i, bytes] of values.entries()) samples[i]?.push(bytes);
  });
  sampling.now();
  return { samples, stop: () => sampling.stop() };
}
