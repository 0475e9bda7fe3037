import { io, type Socket } from 'socket.io-client';
import type { DeliveryCheck, Metrics, ReceivedMessage } from './delivery-check.ts';
import { connectAs, ownToken } from './own-token.ts';

/**
 * Longest time for an ack, and for a connect or reconnect, in ms. The same as `ackTimeout` in common.yml. The back-off
 * of a stock client begins with 0.5 to 1.5 s and grows to 5 s.
 */
export const ANSWER_TIMEOUT_MS = 20_000;

/** The receiving device: a stock socket.io-client. */
export interface PeerDevice {
  socket: Socket;
  /** The last `unread_count`. */
  badge: number;
  /** The checks that get the messages of a conversation, by conversation id. */
  checks: Map<string, DeliveryCheck>;
}

/**
 * Connects a device of `user`. The processor does this because the engine opens one connection per virtual user, so no
 * other user would receive its messages. Rejects with the code of the gateway, or after ANSWER_TIMEOUT_MS.
 */
export async function connectPeerDevice(url: string, user: string, metrics: Metrics): Promise<PeerDevice> {
  const startedAt = performance.now();
  const socket = io(url, { transports: ['websocket'], forceNew: true, ackTimeout: ANSWER_TIMEOUT_MS, auth: ownToken });
  connectAs(socket, user);
  const device: PeerDevice = { socket, badge: 0, checks: new Map() };
  socket.on('new_message', (message: ReceivedMessage) => device.checks.get(message.conversationId)?.receive(message));
  socket.on('message_changed', (change: { conversationId: string; rev: number }) =>
    device.checks.get(change.conversationId)?.receiveChange(change),
  );
  socket.on('unread_count', ({ count }: { count: number }) => {
    device.badge = count;
    for (const check of device.checks.values()) check.changed();
  });
  try {
    await connected(socket);
  } catch (error) {
    socket.disconnect();
    throw error;
  }
  metrics.emit('histogram', 'chat.connect_ms', performance.now() - startedAt);
  return device;
}

/** Resolves once the socket is connected, or connected again. Rejects when refused, or after ANSWER_TIMEOUT_MS. */
export function connected(socket: Socket): Promise<void> {
  if (socket.connected) return Promise.resolve();
  return new Promise((resolve, reject) => {
    let reason = 'no answer';
    const fail = () => end(() => reject(new Error(`connect: ${reason}`)));
    const onError = (error: Error & { data?: { code?: string } }) => {
      reason = error.data?.code ?? error.message;
      // The gateway refused the token: the stock client does not retry.
      if (!socket.active) fail();
    };
    const onConnect = () => end(resolve);
    const timer = setTimeout(fail, ANSWER_TIMEOUT_MS);
    const end = (settle: () => void) => {
      clearTimeout(timer);
      socket.off('connect', onConnect).off('connect_error', onError);
      settle();
    };
    socket.on('connect', onConnect).on('connect_error', onError);
  });
}
