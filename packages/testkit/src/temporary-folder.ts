import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A folder with `mode`. Disposing of it removes it with its contents, and throws when a process that has the folder in
 * its command line still runs.
 */
export function temporaryFolder(mode: number = 0o700): { path: string } & AsyncDisposable {
  const path = mkdtempSync(join(tmpdir(), 'chat-local-'));
  chmodSync(path, mode);
  return {
    path,
    async [Symbol.asyncDispose]() {
      rmSync(path, { recursive: true, force: true });
      const left = execFileSync('ps', ['-ww', '-eo', 'pid=,stat=,args='], { encoding: 'utf8' })
        .split('\n')
        .filter((line) => line.includes(path) && !/^\s*\d+\s+Z/.test(line));
      if (left.length > 0) throw new Error(`left running: ${left.join('; ')}`);
    },
  };
}
