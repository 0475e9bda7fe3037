import type { Worker } from 'node:cluster';
import { once } from 'node:events';
import type { Lifecycle } from '@chat-cluster/runtime';

/*
 * A supervisor that is told to end tells its forks, each drains for itself, and ends when the last one has. Told by
 * messages, not by signals: systemd and `tini -g` send SIGTERM to the forks as well, and a second signal would hurry them.
 */

type Order = { type: 'chat:drain' } | { type: 'chat:hurry' };

/** In a fork: does what its supervisor says. To be called before other listeners: orders that came before wait for the first. */
export function obeySupervisor(lifecycle: Lifecycle): void {
  process.on('message', (order: Order) => {
    if (order?.type === 'chat:drain' || order?.type === 'chat:hurry') lifecycle.end('the supervisor ends');
    if (order?.type === 'chat:hurry') lifecycle.hurry();
  });
}

/** In the supervisor: resolves when all forks have drained and ended, or when it is hurried. */
export async function drainForks(forks: Iterable<Worker>, hurry: AbortSignal): Promise<void> {
  await Promise.all([...forks].map((fork) => tell(fork, { type: 'chat:drain' }, hurry)));
}

/** In the supervisor: resolves when all forks have ended, without any more pacing. */
export async function hurryForks(forks: Iterable<Worker>): Promise<void> {
  await Promise.all([...forks].map((fork) => tell(fork, { type: 'chat:hurry' })));
}

async function tell(fork: Worker, order: Order, hurry?: AbortSignal): Promise<void> {
  const ended = once(fork, 'exit', hurry ? { signal: hurry } : {});
  fork.send(order, () => {});
  await ended.catch(() => {});
}
