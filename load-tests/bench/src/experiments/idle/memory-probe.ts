/*
 * Loaded before the main file of a server (--import): on SIGUSR2 it writes the memory of the process to PROBE_FILE.
 * Both servers load it, so its own weight is the same in both. A signal and a file, because neither server uses them,
 * and the servers need their channels for themselves.
 */
import { writeFileSync } from 'node:fs';

/** Memory of a process in bytes. `rss` is read at once, the other fields after a full garbage collection. */
export interface Memory {
  rss: number;
  rssCollected: number;
  heapUsed: number;
  external: number;
}

const file = process.env.PROBE_FILE;
if (file) {
  process.on('SIGUSR2', async () => {
    const { rss } = process.memoryUsage();
    await collect();
    const { rss: rssCollected, heapUsed, external } = process.memoryUsage();
    writeFileSync(file, JSON.stringify({ rss, rssCollected, heapUsed, external } satisfies Memory));
  });
}

/**
 * Frees everything that can be freed and returns its pages to the system. Otherwise the first connections would use
 * memory that the start of the process left behind. Two collections, one turn apart: the first frees what finalizers
 * hold.
 */
async function collect(): Promise<void> {
  for (let round = 0; round < 2; round++) {
    await globalThis.gc?.({ type: 'major', execution: 'async', flavor: 'last-resort' });
    await new Promise((resolve) => setImmediate(resolve));
  }
}
