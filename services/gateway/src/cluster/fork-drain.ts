import type { Worker } from 'node:cluster';
import { once } from 'node:events';
import type { Lifecycle } from '@chat-cluster/runtime';

/*
 * A supervisor that is stopped makes each fork drain, and exits after the last fork. It sends messages, not signals:
 * systemd and `tini -g` send SIGTERM to the forks as well, and a second signal would hurry them.
 */

type Order = 'chat:drain' | 'chat:hurry';

/** In a fork: drains on order. It must be the first listener: Node delivers earlier messages only to the first one. */
export function drainOnOrder(lifecycle: Lifecycle): void {
  process.on('message', (message: { type?: string }) => {
    if (message?.type !== 'chat:drain' && message?.type !== 'chat:hurry') return;
    lifecycle.end('the supervisor is draining');
    if (message.type === 'chat:hurry') lifecycle.hurry();
  });
}

/**
 * In the supervisor: sends the order to all forks (`chat:hurry`: without further pacing). Resolves when they have
 * exited, or when `signal` is aborted.
 */
export async function endForks(forks: Iterable<Worker>, order: Order, signal?: AbortSignal): Promise<void> {
  const exits = [...forks].map((fork) => {
    const exited = once(fork, 'exit', { signal }).catch(() => {});
    fork.send({ type: order }, () => {});
    return exited;
  });
  await Promise.all(exits);
}
