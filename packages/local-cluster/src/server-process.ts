/*
 * A database server that this process owns. It runs in its own session, so a Ctrl-C in the terminal reaches us and not
 * the server: we end it last, after the services that use it. Should we be killed without a chance to do so, Linux sends
 * it `deathSignal` (setpriv --pdeathsig, in util-linux of every Debian). Where setpriv is missing it lives on, and the
 * next start ends it (see leftover.ts).
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { until } from './until.ts';

const LOG_LIMIT_BYTES = 20_000_000;

export interface ServerOptions {
  command: readonly string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** Appended to; emptied at a start once it is larger than 20 MB. */
  logFile: string;
  deathSignal: 'INT' | 'TERM';
  uid?: number | undefined;
  gid?: number | undefined;
}

export interface ServerProcess {
  pid: number;
  /** True once the process is gone. */
  ended(): boolean;
  /** Resolves when the process is gone, with how it went ("exit code 1", "signal SIGKILL"). */
  exited: Promise<string>;
  /** Sends each signal in turn and waits that long for the end; the last resort is always SIGKILL. Idempotent. */
  end(steps: readonly EndStep[]): Promise<void>;
  /** The last lines this run wrote to its log. */
  logTail(): string;
}

export interface EndStep {
  signal: NodeJS.Signals;
  withinMs: number;
}

/** Starts the server; throws when the program cannot be run at all. */
export async function spawnServer(options: ServerOptions): Promise<ServerProcess> {
  const logStart = sizeOf(options.logFile) > LOG_LIMIT_BYTES ? 0 : sizeOf(options.logFile);
  const log = openSync(options.logFile, logStart === 0 ? 'w' : 'a', 0o600);
  const child = spawnDetached(options, log);
  closeSync(log);
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ? `signal ${signal}` : `exit code ${code}`));
  });
  const pid = await new Promise<number>((resolve, reject) => {
    child.once('error', reject).once('spawn', () => resolve(child.pid as number));
  });
  child.unref();
  const ended = () => child.exitCode !== null || child.signalCode !== null;
  return {
    pid,
    ended,
    exited,
    end: (steps) => endProcess(pid, ended, steps),
    logTail: () => readFileSync(options.logFile).subarray(logStart).toString('utf8').trim().slice(-2_000),
  };
}

function spawnDetached(options: ServerOptions, log: number): ChildProcess {
  const [program = '', ...args] = withDeathSignal(options);
  return spawn(program, args, {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ['ignore', log, log],
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
}

let setprivWorks: boolean | undefined;

function withDeathSignal({ command, deathSignal }: ServerOptions): readonly string[] {
  setprivWorks ??=
    process.platform === 'linux' &&
    spawnSync('setpriv', ['--pdeathsig', 'TERM', 'true'], { stdio: 'ignore' }).status === 0;
  if (!setprivWorks) return command;
  // Behind `unshare … --`, not before it: a change of credentials would clear the setting.
  const inside = command.indexOf('--') + 1;
  return [...command.slice(0, inside), 'setpriv', '--pdeathsig', deathSignal, '--', ...command.slice(inside)];
}

async function endProcess(pid: number, ended: () => boolean, steps: readonly EndStep[]): Promise<void> {
  for (const { signal, withinMs } of steps) {
    if (ended()) break;
    signalQuietly(pid, signal);
    await until(() => ended() || undefined, { withinMs, everyMs: 10 });
  }
  // The whole group: nothing the server forked may stay, and an already empty group is no error.
  if (!ended()) signalQuietly(-pid, 'SIGKILL');
  await until(() => ended() || undefined, { withinMs: 1_000, everyMs: 10 });
}

/** Sends `signal` to a process (or, negative, to a group) that may be gone already. */
export function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
