/*
 * Loaded before the main file of a process (--import): on SIGUSR2 it writes the memory of the process into PROBE_FOLDER.
 * A signal and a file, because the services use neither of them, and need their channels for themselves.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Memory } from './collected-memory.ts';

const folder = process.env.PROBE_FOLDER;
if (folder) {
  const file = join(folder, `${process.pid}.json`);
  process.on('SIGUSR2', async () => {
    const { rss } = process.memoryUsage();
    await collect();
    const { rss: rssCollected, heapUsed, external } = process.memoryUsage();
    writeFileSync(`${file}.part`, JSON.stringify({ rss, rssCollected, heapUsed, external } satisfies Memory));
    renameSync(`${file}.part`, file);
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
