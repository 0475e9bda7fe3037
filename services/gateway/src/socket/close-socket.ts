import { setTimeout as delay } from 'node:timers/promises';
import type { ChatSocket } from './chat-socket.ts';
import { closeConnection, isReadingPost, pauseReading, resumeReading } from './engine-io.ts';

/** How long a closing socket waits for the acks of its events, in ms. */
export const FINISH_MS = 3_000;

/**
 * Stops reading from the socket, answers the events that were read, and closes its transport. Resolves with false if
 * the socket ended by itself meanwhile. The client resends events without an ack. A stock client takes the closed
 * transport for a lost connection and reconnects by itself. Closing during a long-polling POST would make the load
 * balancer respond 502.
 */
export async function closeSocket(socket: ChatSocket): Promise<boolean> {
  const { transport } = socket.conn;
  pauseReading(transport);
  await waitUntil(() => !socket.connected || (socket.data.underWay === 0 && !isReadingPost(transport)), FINISH_MS);
  resumeReading(transport);
  if (!socket.connected) return false;
  closeConnection(socket.conn);
  return true;
}

/** Resolves when the condition holds, checked every 10 ms, or after `ms`. */
export async function waitUntil(condition: () => boolean, ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  while (!condition() && performance.now() < deadline) await delay(10);
}
