import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { until } from './until.ts';

/** Size of the log above which a start empties it, in bytes. */
const LOG_LIMIT_BYTES = 20_000_000;

export interface ServerOptions {
  command: readonly string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** The server appends to it. A start empties it once it is larger than 20 MB. */
  logFile: string;
  /** Signal that Linux sends to the server when this process dies. */
  deathSignal: 'INT' | 'TERM';
  uid?: number | undefined;
  gid?: number | undefined;
}

export interface ServerProcess {
  pid: number;
  /** True once the process has ended. */
  ended(): boolean;
  /** Resolves when the process has ended, with "exit code 1" or "signal SIGKILL". */
  exited: Promise<string>;
  /** Sends the signals one after another, each with its own wait, and finally SIGKILL. Idempotent. */
  end(steps: readonly EndStep[]): Promise<void>;
  /** The last 2,000 characters that this run wrote to its log. */
  logTail(): string;
}

export interface EndStep {
  signal: NodeJS.Signals;
  withinMs: number;
}

/**
 * Starts a database server that this process owns; throws when the program cannot be run. The server gets its own
 * session: a Ctrl-C in the terminal reaches this process only, which stops the server last, after the services that use
 * it. If this process is killed and cannot do so, Linux sends `deathSignal` to the server (setpriv --pdeathsig of
 * util-linux, which every Debian has), also to a paused one (SIGSTOP), which is continued for that. Without setpriv the
 * server survives, and the next start stops it (see leftover.ts).
 */
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
  continueAfterThisProcess(pid);
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
  const [program = '', ...args] = withDeathSignal(options.command, options.deathSignal);
  return spawn(program, args, {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ['ignore', log, log],
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
}

/** Reads pids, and continues these processes at the end of its input: when this process has ended, for any reason. */
const CONTINUE_ALL = 'while read pid; do all="$all $pid"; done; kill -CONT $all';

let continuer: Writable | undefined;
const continued = new Set<number>();

/**
 * Continues the process (SIGCONT) once this process is dead, since a paused process does not handle its death signal. A
 * shell does it, for all processes. For a pid that another process has by then, SIGCONT is harmless.
 */
export function continueAfterThisProcess(pid: number): void {
  if (continued.has(pid)) return;
  continued.add(pid);
  continuer ??= startContinuer();
  continuer.write(`${pid}\n`);
}

function startContinuer(): Writable {
  // Its own session: a Ctrl-C in the terminal, or a kill of the group of this process, does not reach it.
  const shell = spawn('sh', ['-c', CONTINUE_ALL], { cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  shell.on('error', () => {});
  shell.stdin.on('error', () => {});
  shell.unref();
  (shell.stdin as Socket).unref();
  return shell.stdin;
}

let setprivWorks: boolean | undefined;

/** The command line of a process that gets `signal` from Linux when this process dies; the same one without setpriv. */
export function withDeathSignal(command: readonly string[], signal: 'INT' | 'TERM' | 'CONT'): readonly string[] {
  setprivWorks ??=
    process.platform === 'linux' &&
    spawnSync('setpriv', ['--pdeathsig', 'TERM', 'true'], { stdio: 'ignore' }).status === 0;
  if (!setprivWorks) return command;
  // After `unshare … --`, not before it: a change of credentials clears the setting.
  const inside = command.indexOf('--') + 1;
  return [...command.slice(0, inside), 'setpriv', '--pdeathsig', signal, '--', ...command.slice(inside)];
}

async function endProcess(pid: number, ended: () => boolean, steps: readonly EndStep[]): Promise<void> {
  for (const { signal, withinMs } of steps) {
    if (ended()) break;
    signalQuietly(pid, signal);
    await until(() => ended() || undefined, { withinMs, everyMs: 10 });
  }
  // To the whole group: no process that the server forked may survive. A group that is empty already is not an error.
  if (!ended()) signalQuietly(-pid, 'SIGKILL');
  await until(() => ended() || undefined, { withinMs: 1_000, everyMs: 10 });
}

/** Sends `signal` to a process, or with a negative number to a group, that may have ended already. */
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
