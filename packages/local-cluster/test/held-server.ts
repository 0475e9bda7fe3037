import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface HeldServer {
  pid: number;
  url: string;
  /** Sends kill -9 to the process that owns the server. */
  killOwner(): Promise<void>;
}

/** Starts a server that is owned by another process, see hold-server.ts. */
export async function holdServer(kind: 'postgres' | 'redis' | 'service', dataDir: string): Promise<HeldServer> {
  const owner = spawn(process.execPath, [join(import.meta.dirname, 'hold-server.ts'), kind, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(owner.stdout, 'data')) as [Buffer];
  const { pid, url } = JSON.parse(line.toString()) as { pid: number; url: string };
  const killOwner = async () => {
    const closed = once(owner, 'close');
    owner.kill('SIGKILL');
    await closed;
  };
  return { pid, url, killOwner };
}

/** False also for a process that has ended and that its parent has not collected yet. */
export function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}
