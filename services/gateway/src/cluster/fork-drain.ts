import type { Worker } from 'node:cluster';
import { once } from 'node:events';
import type { Lifecycle } from '@chat-cluster/runtime';

/*
 * A supervisor that ends makes its forks drain, each for itself, and exits after the last one. It sends messages, not
 * signals: systemd and `tini -g` send SIGTERM to the forks as well, and a second signal would hurry them.
 */

type Order = { type: 'chat:drain' } | { type: 'chat:hurry' };

/** In a fork: drains on the supervisor's order. Add no listener before: Node delivers earlier messages to the first. */
export function drainOnOrder(lifecycle: Lifecycle): void {
  process.on('message', (order: Order) => {
    if (order?.type === 'chat:drain' || order?.type === 'chat:hurry') lifecycle.end('the supervisor is draining');
    if (order?.type === 'chat:hurry') lifecycle.hurry();
  });
}

/** In the supervisor: resolves when all forks have drained and exited, or when `hurry` is aborted. */
export async function drainForks(forks: Iterable<Worker>, hurry: AbortSignal): Promise<void> {
  await Promise.all([...forks].map((fork) => sendAndAwaitExit(fork, { type: 'chat:drain' }, hurry)));
}

/** In the supervisor: resolves when all forks have exited, without further pacing. */
export async function hurryForks(forks: Iterable<Worker>): Promise<void> {
  await Promise.all([...forks].map((fork) => sendAndAwaitExit(fork, { type: 'chat:hurry' })));
}

async function sendAndAwaitExit(fork: Worker, order: Order, hurry?: AbortSignal): Promise<void> {
  const exited = once(fork, 'exit', hurry ? { signal: hurry } : {});
  fork.send(order, () => {});
  await exited.catch(() => {});
}
