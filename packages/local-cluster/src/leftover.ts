import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { UserError } from '@chat-cluster/runtime';
import { type EndStep, signalQuietly } from './server-process.ts';
import { until } from './until.ts';

/**
 * Stops a server that outlived an orchestrator killed with -9. Call it with the folder claimed: a server that runs
 * there then has no owner.
 *
 * The process on the first line of `pidFile` is stopped only if its command line contains `mark`, a path that only the
 * server of this folder is started with: its pid may belong to an unrelated process by now.
 */
export async function endLeftover(
  pidFile: string,
  mark: string,
  steps: readonly EndStep[],
  log: (line: string) => void,
) {
  const pid = readPid(pidFile);
  if (pid === undefined || !commandLine(pid).includes(mark)) return;
  log(`Stopping process ${pid}, left over from a start that was killed.`);
  for (const { signal, withinMs } of [...steps, { signal: 'SIGKILL', withinMs: 2_000 } as const]) {
    signalQuietly(pid, signal);
    if (await until(() => !commandLine(pid).includes(mark) || undefined, { withinMs })) return;
  }
  throw new UserError(`Process ${pid} still uses ${mark} and does not end: kill it and start again.`);
}

function readPid(pidFile: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
    return pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Empty when the process does not exist, and also for a dead process that its parent has not collected yet. */
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
