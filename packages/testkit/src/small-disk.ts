import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@chat-cluster/runtime';

/** A small filesystem in memory that can be filled up. Disposing of it unmounts it. */
export interface SmallDisk extends Disposable {
  /** Writes a file until the disk is full. */
  fill(): void;
  /** Removes that file. */
  free(): void;
}

/** Creates `folder` and mounts a small disk on it. Throws UserError where that is not allowed. */
export function mountSmallDisk(folder: string, megabytes: number): SmallDisk {
  mkdirSync(folder, { recursive: true });
  const options = `size=${megabytes}m,mode=0700`;
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'small-disk', folder], { stdio: 'ignore' });
  if (status !== 0) throw new UserError('A disk that can be full needs root, and the right to mount a tmpfs.');
  // Also when the process exits without disposing of the disk.
  process.on('exit', unmount);
  const ballast = join(folder, 'ballast');

  function unmount(): void {
    process.off('exit', unmount);
    const unmounted = spawnSync('umount', [folder], { stdio: 'ignore' }).status === 0;
    // A process has a file open there. A lazy unmount hides the disk now, and removes it when the file is closed.
    if (!unmounted) spawnSync('umount', ['--lazy', folder], { stdio: 'ignore' });
  }

  return {
    fill: () => fillWith(ballast),
    free: () => rmSync(ballast, { force: true }),
    [Symbol.dispose]: unmount,
  };
}

/** Writes chunks of decreasing size, down to less than a page. */
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
