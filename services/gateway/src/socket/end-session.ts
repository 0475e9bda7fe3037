import { Rejection } from '@chat-cluster/contracts';
import { Counter } from 'prom-client';
import type { ChatSocket } from './chat-socket.ts';
import { closeSocket } from './close-socket.ts';
import { closeConnection } from './engine-io.ts';

const ended = new Counter({
  name: 'chat_sessions_ended_total',
  help: 'Sockets that the gateway closed because their token expired or was revoked, by error code',
  labelNames: ['reason'],
});

/**
 * Emits `session_ended` and closes the socket, once. After TOKEN_EXPIRED the acks of its events are sent first, and the
 * transport closes, so that a stock client reconnects. After TOKEN_REVOKED Socket.IO disconnects, so that it stays away.
 */
export function endSession(socket: ChatSocket, code: 'TOKEN_EXPIRED' | 'TOKEN_REVOKED'): void {
  if (socket.data.ended || !socket.connected) return;
  socket.data.ended = true;
  ended.inc({ reason: code });
  socket.emit('session_ended', { error: new Rejection(code).payload });
  if (code === 'TOKEN_EXPIRED') {
    void closeSocket(socket);
    return;
  }
  socket.disconnect(true);
  // The connection is closing already, but only this bounds its time.
  closeConnection(socket.conn);
}

/** Throws TOKEN_EXPIRED, and closes the socket, once its token has expired. Called for each event. */
export function rejectIfExpired(socket: ChatSocket): void {
  if (socket.data.expiresAt > Date.now()) return;
  // After the answer to this event.
  setImmediate(endSession, socket, 'TOKEN_EXPIRED');
  throw new Rejection('TOKEN_EXPIRED');
}
