import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { UserError } from '@chat-cluster/runtime';
import { processCount } from './format.ts';
import type { LoadOptions } from './options.ts';
import type { Plan } from './protocol.ts';
import type { Target } from './target.ts';

/** Files and pipes that a process has open beside its connections. */
const OTHER_FILES = 200;

/**
 * The shares of the generator processes. Throws UserError when there are too few users for the processes (each has whole
 * pairs, and whole groups), or more connections than the processes may open (`openFiles` each).
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
  // The pairs without which the largest group does not fit.
  const pairsEach = Math.ceil(Math.max(2, ...options.groups) / 2);
  const processes = options.processes ?? Math.max(1, Math.min(Math.floor(pairs / pairsEach), usual));
  if (processes * pairsEach > pairs) {
    const of = options.groups.length > 0 ? ' with these --groups' : '';
    throw new UserError(`${processCount(processes)}${of}: at least ${processes * pairsEach * 2} users are needed.`);
  }
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
    const { groups, groupShare, edits, deletes, reactions } = options;
    return {
      ...{ url, tls, index, processes, users, run, connections, firstConnection: first, idle: quiet },
      ...{ profile, spike, drop, even, warmUp, duration, settle, size, reads, resend },
      ...{ groups, groupShare, edits, deletes, reactions },
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
