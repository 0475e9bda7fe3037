import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { UserError } from '@chat-cluster/runtime';
import { type EndStep, signalQuietly } from './server-process.ts';
import { until } from './until.ts';

/**
 * Ends a server that outlived an orchestrator killed with -9. The process named on the first line of `pidFile` is
 * touched only if its command line names `mark` (a path only this folder's server was started with), because the number
 * may belong to a stranger by now. To be called with the folder claimed: then whoever runs there has no owner.
 */
export async function endLeftover(
  pidFile: string,
  mark: string,
  steps: readonly EndStep[],
  log: (line: string) => void,
) {
  const pid = readPid(pidFile);
  if (pid === undefined || !commandLine(pid).includes(mark)) return;
  log(`Ending process ${pid}, left over from a start that was killed.`);
  for (const { signal, withinMs } of [...steps, { signal: 'SIGKILL', withinMs: 2_000 } as const]) {
    signalQuietly(pid, signal);
    if (await until(() => !commandLine(pid).includes(mark) || undefined, { withinMs })) return;
  }
  throw new UserError(`Process ${pid} still uses ${mark} and cannot be ended: stop it and start again.`);
}

function readPid(pidFile: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
    return pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Empty when the process is gone, also for one that is dead but not yet collected by its parent. */
function commandLine(pid: number): string {
  if (process.platform !== 'linux') {
    return spawnSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout ?? '';
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
