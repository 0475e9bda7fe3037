import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { UserError } from '@chat-cluster/runtime';
import type { LoadOptions } from './options.ts';
import type { Plan } from './protocol.ts';
import type { Target } from './target.ts';

/** Files and pipes that a process has open beside its connections. */
const OTHER_FILES = 200;

/**
 * The shares of the generator processes. Throws UserError when there are more processes than pairs of users, or more
 * connections than the processes may open (`openFiles` each).
 */
export function planAll(
  options: LoadOptions,
  { url, tls, active, idle }: Target,
  run: string,
  openFiles = openFilesLimit(),
): Plan[] {
  const pairs = active.length / 2;
  const connections = active.length + idle.length;
  const required = Math.ceil(connections / Math.max(1, openFiles - OTHER_FILES));
  const usual = Math.max(required, Math.floor(availableParallelism() / 2));
  const processes = options.processes ?? Math.max(1, Math.min(pairs, usual));
  if (processes > pairs) throw new UserError(`${processes} processes need at least ${processes * 2} users.`);
  if (processes < required) {
    throw new UserError(
      `A process may open ${openFiles} files here (ulimit -n), so ${connections} connections need ${required} --processes.`,
    );
  }
  let firstConnection = 0;
  return Array.from({ length: processes }, (_, index): Plan => {
    const users = active.slice(2 * shareStart(pairs, index, processes), 2 * shareStart(pairs, index + 1, processes));
    const quiet = idle.slice(shareStart(idle.length, index, processes), shareStart(idle.length, index + 1, processes));
    const first = firstConnection;
    firstConnection += users.length + quiet.length;
    const { profile, spike, drop, even, warmUp, duration, settle, size, reads, resend } = options;
    return {
      ...{ url, tls, index, processes, users, run, connections, firstConnection: first, idle: quiet },
      ...{ profile, spike, drop, even, warmUp, duration, settle, size, reads, resend },
      fanIn: profile === 'fan-in',
      connectRate: options.connectRate / processes,
      // In proportion to its users, so that all users send at the same rate.
      rate: (options.rate * users.length) / active.length,
    };
  });
}

function shareStart(count: number, index: number, shares: number): number {
  return Math.floor((count * index) / shares);
}

/** How many files a process may have open; a very large number where the system does not report it. */
function openFilesLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return Number(soft ?? 1e9);
  } catch {
    return 1e9;
  }
}
