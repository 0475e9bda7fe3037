import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { eventually } from './eventually.ts';

/** Memory of a process in bytes. `rss` is read at once, the other fields after a full garbage collection. */
export interface Memory {
  rss: number;
  rssCollected: number;
  heapUsed: number;
  external: number;
}

const PROBE_WITHIN_MS = 30_000;

/** The environment of a Node process whose memory `collectedMemory` reads, through files in `folder`. */
export function memoryProbe(folder: string, nodeOptions = ''): { NODE_OPTIONS: string; PROBE_FOLDER: string } {
  const probe = pathToFileURL(join(import.meta.dirname, 'memory-probe.ts')).href;
  return { NODE_OPTIONS: `${nodeOptions} --expose-gc --import=${probe}`.trim(), PROBE_FOLDER: folder };
}

/** Collects the garbage of a process with a `memoryProbe` and reads its memory. Rejects when the process has ended. */
export async function collectedMemory(pid: number, folder: string): Promise<Memory> {
  const file = join(folder, `${pid}.json`);
  await rm(file, { force: true });
  process.kill(pid, 'SIGUSR2');
  return eventually(async () => JSON.parse(await readFile(file, 'utf8')) as Memory, PROBE_WITHIN_MS);
}
