import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface HeldServer {
  pid: number;
  url: string;
  /** kill -9 of the process that owns the server. */
  killOwner(): Promise<void>;
}

/** A server owned by another process, see hold-server.ts. */
export async function holdServer(kind: 'postgres' | 'redis', dataDir: string): Promise<HeldServer> {
  const owner = spawn(process.execPath, [join(import.meta.dirname, 'hold-server.ts'), kind, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(owner.stdout, 'data')) as [Buffer];
  const { pid, url } = JSON.parse(line.toString()) as { pid: number; url: string };
  const killOwner = async () => {
    const gone = once(owner, 'close');
    owner.kill('SIGKILL');
    await gone;
  };
  return { pid, url, killOwner };
}
