import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder with `mode` that is removed with all in it at the end of the scope; nothing that runs in it may be left by then. */
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
