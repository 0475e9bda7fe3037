import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { resolve } from 'node:path';

/**
 * Folder of the repository. The test runner imports nothing from the packages: it must also work, and report the
 * failure, when one of them is broken.
 */
export const root = resolve(import.meta.dirname, '../../..');

export interface ProgramOptions {
  env?: NodeJS.ProcessEnv;
  /** Receives stdout and stderr. Default: they go to the output of this process. */
  onOutput?: ((text: string) => void) | undefined;
}

const running = new Set<ChildProcess>();
let forwarding = false;

/** Runs a program in the repository; resolves with its exit code (128 + number for a signal). */
export function runProgram(program: string, args: readonly string[], options: ProgramOptions = {}): Promise<number> {
  forwardSignals();
  const { env = process.env, onOutput } = options;
  const child = spawn(program, args, { cwd: root, env, stdio: onOutput ? ['inherit', 'pipe', 'pipe'] : 'inherit' });
  running.add(child);
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text) => onOutput?.(text));
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) => {
      running.delete(child);
      done(signal ? 128 + constants.signals[signal] : (code ?? 1));
    });
  });
}

/**
 * A signal to this process goes to all programs, and this process continues until they have ended. A terminal sends
 * Ctrl-C to them itself. When bootstrap.mjs dies, which closes the IPC channel, the programs are stopped too.
 */
function forwardSignals(): void {
  if (forwarding) return;
  forwarding = true;
  const terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  const forward = (signal: NodeJS.Signals) => {
    for (const child of running) child.kill(signal);
  };
  process.on('SIGTERM', forward).on('SIGHUP', forward);
  process.on('SIGINT', (signal) => terminal || forward(signal));
  process.on('disconnect', () => forward('SIGTERM'));
}
