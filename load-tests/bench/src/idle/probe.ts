/*
 * Loaded before the main file of a server (--import): tells its parent what memory it has, when asked over the channel
 * that the parent opened as file descriptor PROBE_FD. The same module in both servers, so it weighs the same in both.
 */
import { writeFileSync } from 'node:fs';

/** What a process has, in bytes; `rss` as it was, the others after a full garbage collection. */
export interface Memory {
  rss: number;
  rssCollected: number;
  heapUsed: number;
  external: number;
}

const file = process.env.PROBE_FILE;
if (file) {
  // Neither is used by the servers. USR2: memory; to a file, because both servers keep their channels to themselves.
  process.on('SIGUSR2', () => {
    const { rss } = process.memoryUsage();
    void collect().then(() => {
      const after = process.memoryUsage();
      const memory: Memory = {
        rss,
        rssCollected: after.rss,
        heapUsed: after.heapUsed,
        external: after.external,
      };
      writeFileSync(file, JSON.stringify(memory));
    });
  });
}

/**
 * Everything that can be freed is, and its pages go back to the system: else the room that the start of a process left
 * behind would be filled by the first connections, for nothing. Twice, a turn apart: the first frees what finalizers hold.
 */
async function collect(): Promise<void> {
  for (let round = 0; round < 2; round++) {
    await globalThis.gc?.({ type: 'major', execution: 'async', flavor: 'last-resort' });
    await new Promise((resolve) => setImmediate(resolve));
  }
}
