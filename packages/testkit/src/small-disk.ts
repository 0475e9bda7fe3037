import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';

/** A filesystem of its own, in memory, that can be filled up. Disposing of it unmounts it. */
export interface SmallDisk extends Disposable {
  /** Writes a file until nothing is left. */
  fill(): void;
  /** Removes that file. */
  free(): void;
}

/** Mounts one on `folder`, which is made. Throws UserError where that is not allowed. */
export function mountSmallDisk(folder: string, megabytes: number): SmallDisk {
  mkdirSync(folder, { recursive: true });
  const options = `size=${megabytes}m,mode=0700`;
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'small-disk', folder], { stdio: 'ignore' });
  if (status !== 0) throw new UserError('A disk that can be full needs root, and the right to mount a tmpfs.');
  // Also when the process ends without disposing of anything.
  process.on('exit', unmount);
  const ballast = join(folder, 'ballast');

  function unmount(): void {
    process.off('exit', unmount);
    const done = spawnSync('umount', [folder], { stdio: 'ignore' }).status === 0;
    // Somebody still has a file open there: it goes from sight now, and altogether with them.
    if (!done) spawnSync('umount', ['--lazy', folder], { stdio: 'ignore' });
  }

  return {
    fill: () => fillWith(ballast),
    free: () => rmSync(ballast, { force: true }),
    [Symbol.dispose]: unmount,
  };
}

/** In chunks that get smaller, down to what is less than a page. */
function fillWith(file: string): void {
  const descriptor = openSync(file, 'w');
  try {
    for (let chunk = Buffer.alloc(1 << 20); chunk.length >= 512; ) {
      try {
        writeSync(descriptor, chunk);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        chunk = chunk.subarray(chunk.length / 2);
      }
    }
  } finally {
    closeSync(descriptor);
  }
}
