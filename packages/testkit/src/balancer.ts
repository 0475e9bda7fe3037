import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type DebianProgram,
  findProgram,
  freePort,
  type ServerProcess,
  spawnServer,
  toolsFolder,
  type WantedProgram,
} from '@chat-cluster/local-cluster';
import { UserError } from '@chat-cluster/runtime';
import { eventually } from './eventually.ts';

/** A real load balancer on a free port of loopback. */
export interface Balancer extends AsyncDisposable {
  url: string;
  /** Pid of the newest process. */
  readonly pid: number;
  /** Folder of its files; removed at the end. */
  folder: string;
  /** Everything it wrote: its output and the files named in `logs`. */
  log(): string;
  /** Sends SIGKILL to each of its processes; resolves when they have ended. */
  kill(): Promise<void>;
  /** Starts one more process in the same way, on the same port, and waits until it responds. */
  start(moreArgs?: readonly string[]): Promise<void>;
}

export interface BalancerOptions {
  wanted: WantedProgram;
  /** Writes its files into `folder`; returns the arguments that run it in the foreground, on `port`. */
  configure(where: { folder: string; port: number }): Promise<{ args: string[]; env?: NodeJS.ProcessEnv }>;
  /** Names of log files in `folder`. */
  logs?: string[];
}

/**
 * Starts a load balancer and waits until it responds. The program is on the PATH, or is fetched from Debian and
 * unpacked.
 */
export async function startBalancer({ wanted, configure, logs = [] }: BalancerOptions): Promise<Balancer> {
  const { program, env } = await obtain(wanted);
  const folder = await mkdtemp(join(tmpdir(), 'chat-balancer-'));
  const port = await freePort();
  const output = join(folder, 'output.log');
  const plan = await configure({ folder, port });
  const url = `http://127.0.0.1:${port}`;
  const servers: ServerProcess[] = [];
  const start = async (moreArgs: readonly string[] = []) => {
    const server = await spawnServer({
      command: [program, ...plan.args, ...moreArgs],
      cwd: folder,
      env: { PATH: process.env.PATH, LC_ALL: 'C', ...env, ...plan.env },
      logFile: output,
      deathSignal: 'TERM',
    });
    servers.push(server);
    await eventually(() => fetch(url, { signal: AbortSignal.timeout(1_000) }), 5_000).catch(() => {
      throw new Error(`${wanted.names[0]} did not start: ${server.logTail()}`);
    });
  };
  const stop = async () => {
    await Promise.all(servers.map((server) => server.end([{ signal: 'SIGTERM', withinMs: 2_000 }])));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    get pid() {
      return servers.at(-1)?.pid ?? 0;
    },
    start,
    kill: async () => {
      await Promise.all(servers.splice(0).map((server) => server.end([])));
    },
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
