/*
 * The messages between a service that runs as several processes (forks) and the process that has started it, over their
 * IPC channel. No other process can send these orders.
 */

/** From the service: its forks, at each change. */
export interface ForksMessage {
  type: 'forks';
  forks: readonly ForkState[];
}

export interface ForkState {
  name: string;
  /** 0 while it is not running, for example between two starts. */
  pid: number;
  state: 'running' | 'draining' | 'restarting' | 'ended';
}

/** To the service: start another fork, or let one end in order, without a replacement. */
export type ForkOrder = { type: 'add-fork' } | { type: 'drain-fork'; name: string };

/** Sends the forks to the parent process, if there is one with an IPC channel. */
export function announceForks(forks: readonly ForkState[]): void {
  if (process.connected) process.send?.({ type: 'forks', forks } satisfies ForksMessage);
}

/** Calls `handle` for each order of the parent process. */
export function onForkOrder(handle: (order: ForkOrder) => void): void {
  process.on('message', (message: ForkOrder) => {
    if (message?.type === 'add-fork' || message?.type === 'drain-fork') handle(message);
  });
}
