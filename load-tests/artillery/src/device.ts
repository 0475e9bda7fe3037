import { io, type Socket } from 'socket.io-client';
import { connectAs, ownToken } from './own-token.ts';
import type { Heard, Metrics, Talk } from './talk.ts';

/** How long a connect, also one after a loss, and an ack may take: as `ackTimeout` in common.yml. The stock back-off begins with 0.5 to 1.5 s and grows to 5 s. */
export const ANSWERED_WITHIN_MS = 20_000;

/** A device that listens: the stock socket.io-client. */
export interface Device {
  socket: Socket;
  /** The last `unread_count`. */
  badge: number;
  /** What it hears goes to the talk of its conversation. */
  talks: Map<string, Talk>;
}

/**
 * Connects a device of `user`. The processor does it because the engine opens one connection for each virtual user, as one
 * user: nobody else would hear what that user says. Rejects with what the gateway says, or after ANSWERED_WITHIN_MS.
 */
export async function connectDevice(url: string, user: string, metrics: Metrics): Promise<Device> {
  const began = performance.now();
  const socket = io(url, { transports: ['websocket'], forceNew: true, ackTimeout: ANSWERED_WITHIN_MS, auth: ownToken });
  connectAs(socket, user);
  const device: Device = { socket, badge: 0, talks: new Map() };
  socket.on('new_message', (message: Heard) => device.talks.get(message.conversationId)?.hear(message));
  socket.on('unread_count', ({ count }: { count: number }) => {
    device.badge = count;
    for (const talk of device.talks.values()) talk.changed();
  });
  try {
    await connected(socket);
  } catch (error) {
    socket.disconnect();
    throw error;
  }
  metrics.emit('histogram', 'chat.connect_ms', performance.now() - began);
  return device;
}

/** Resolves once it is connected, again after a loss; tries go on meanwhile. Rejects after ANSWERED_WITHIN_MS. */
export function connected(socket: Socket): Promise<void> {
  if (socket.connected) return Promise.resolve();
  return new Promise((resolve, reject) => {
    let why = 'no answer';
    const onConnect = () => end(resolve);
    const onError = (error: Error & { data?: { code?: string } }) => {
      why = error.data?.code ?? error.message;
      // Refused by the gateway: the stock client does not try again.
      if (!socket.active) end(() => reject(new Error(`connect: ${why}`)));
    };
    const timer = setTimeout(() => end(() => reject(new Error(`connect: ${why}`))), ANSWERED_WITHIN_MS);
    const end = (settle: () => void) => {
      clearTimeout(timer);
      socket.off('connect', onConnect).off('connect_error', onError);
      settle();
    };
    socket.on('connect', onConnect).on('connect_error', onError);
  });
}
