import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toolsFolder, UserError } from '@chat-cluster/local';
import { type DebianProgram, findProgram, type WantedProgram } from '@chat-cluster/local/debian-program';
import { spawnServer } from '@chat-cluster/local/server-process';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';

/** A real load balancer on a free port of loopback. */
export interface Balancer extends AsyncDisposable {
  url: string;
  pid: number;
  /** For its files; removed at the end. */
  folder: string;
  /** All that it wrote: to its output, and to the files named in `logs`. */
  log(): string;
}

export interface BalancerOptions {
  wanted: WantedProgram;
  /** Writes what it needs into `folder`; returns how to run it in the foreground, on `port`. */
  configure(where: { folder: string; port: number }): Promise<{ args: string[]; env?: NodeJS.ProcessEnv }>;
  /** Names of files in `folder`. */
  logs?: string[];
}

/** Starts it and waits until it answers. The program comes from the PATH, else from Debian, unpacked. */
export async function startBalancer({ wanted, configure, logs = [] }: BalancerOptions): Promise<Balancer> {
  const { program, env } = await obtain(wanted);
  const folder = await mkdtemp(join(tmpdir(), 'chat-balancer-'));
  const port = await freePort();
  const output = join(folder, 'output.log');
  const plan = await configure({ folder, port });
  const server = await spawnServer({
    command: [program, ...plan.args],
    cwd: folder,
    env: { PATH: process.env.PATH, LC_ALL: 'C', ...env, ...plan.env },
    logFile: output,
    deathSignal: 'TERM',
  });
  const stop = async () => {
    await server.end([{ signal: 'SIGTERM', withinMs: 2_000 }]);
    await rm(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await eventually(() => fetch(url, { signal: AbortSignal.timeout(1_000) }), 5_000);
  } catch {
    const said = server.logTail();
    await stop();
    throw new Error(`${wanted.names[0]} did not start: ${said}`);
  }
  return {
    url,
    pid: server.pid,
    folder,
    log: () => [output, ...logs.map((name) => join(folder, name))].map((file) => readFileSync(file, 'utf8')).join('\n'),
    [Symbol.asyncDispose]: stop,
  };
}

async function obtain(wanted: WantedProgram): Promise<DebianProgram> {
  try {
    return await findProgram(wanted, toolsFolder, () => {});
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new Error(`${wanted.names[0]} is not on the PATH and could not be fetched (${error.message}).`);
  }
}
