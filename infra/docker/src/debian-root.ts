import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { toolsFolder, unpackDebianPackage } from '@chat-cluster/local-cluster';
import { UserError } from '@chat-cluster/runtime';

const run = promisify(execFile);

/** A bare Debian of the suite (`trixie`), as its slim image is one; made once, then kept with the other tools. */
export async function debianRoot(suite: string, log: (line: string) => void): Promise<string> {
  const root = join(toolsFolder, `debian-${suite}`);
  if (existsSync(root)) return root;
  log(`Making a bare Debian ${suite} with debootstrap (once)`);
  mkdirSync(dirname(root), { recursive: true });
  const work = mkdtempSync(`${root}.part-`);
  try {
    const tool = join(work, 'tool');
    await unpackDebianPackage(['debootstrap'], tool);
    const env = { ...process.env, DEBOOTSTRAP_DIR: join(tool, 'usr/share/debootstrap') };
    await run(join(tool, 'usr/sbin/debootstrap'), ['--variant=minbase', suite, join(work, 'root')], {
      env,
      maxBuffer: 16 * 1024 * 1024,
    });
    renameSync(join(work, 'root'), root);
  } catch (error) {
    throw new UserError(`debootstrap failed: ${String((error as { stdout?: string }).stdout ?? error).slice(-1_000)}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return root;
}
