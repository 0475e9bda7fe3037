import { availableParallelism } from 'node:os';
import { UserError } from '@chat-cluster/local/user-error';
import type { LoadOptions } from './options.ts';
import type { Plan } from './protocol.ts';
import type { Target } from './target.ts';

/** The shares of the generator processes. Throws UserError when there are more processes than pairs. */
export function planAll(options: LoadOptions, { url, tls, talking, idle }: Target, run: string): Plan[] {
  const pairs = talking.length / 2;
  const processes = options.processes ?? Math.min(pairs, Math.max(1, Math.floor(availableParallelism() / 2)));
  if (processes > pairs) throw new UserError(`${processes} processes need at least ${processes * 2} users.`);
  const connections = talking.length + idle.length;
  let firstConnection = 0;
  return Array.from({ length: processes }, (_, index): Plan => {
    const users = talking.slice(2 * shareStart(pairs, index, processes), 2 * shareStart(pairs, index + 1, processes));
    const quiet = idle.slice(shareStart(idle.length, index, processes), shareStart(idle.length, index + 1, processes));
    const first = firstConnection;
    firstConnection += users.length + quiet.length;
    const { profile, spike, drop, even, warmUp, duration, settle, size, reads, resend } = options;
    return {
      url,
      tls,
      index,
      processes,
      users,
      idle: quiet,
      fanIn: profile === 'fan-in',
      run,
      connectRate: options.connectRate / processes,
      firstConnection: first,
      connections,
      profile,
      // By its users, so that all of them send alike.
      rate: (options.rate * users.length) / talking.length,
      spike,
      drop,
      even,
      warmUp,
      duration,
      settle,
      size,
      reads,
      resend,
    };
  });
}

function shareStart(count: number, index: number, shares: number): number {
  return Math.floor((count * index) / shares);
}
