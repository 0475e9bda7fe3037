import { Rejection } from '@chat-cluster/contracts';
import { Counter } from 'prom-client';
import type { ChatSocket } from './chat-socket.ts';
import { closeSocket, waitUntil } from './close-socket.ts';
import { abortConnection } from './engine-io.ts';

const ended = new Counter({
  name: 'chat_sessions_ended_total',
  help: 'Sockets that the gateway closed because their token expired or was revoked, by error code',
  labelNames: ['reason'],
});

/** Time for a client to take its last packets and close, in ms. Then the connection is reset. */
const LEAVE_MS = 5_000;

/**
 * Emits `session_ended` and closes the socket, once. After TOKEN_EXPIRED the acks of its events are sent first, and the
 * transport closes, so that a stock client reconnects. After TOKEN_REVOKED Socket.IO disconnects, so that it stays away.
 */
export function endSession(socket: ChatSocket, code: 'TOKEN_EXPIRED' | 'TOKEN_REVOKED'): void {
  if (socket.data.ended || !socket.connected) return;
  socket.data.ended = true;
  ended.inc({ reason: code });
  socket.emit('session_ended', { error: new Rejection(code).payload });
  if (code === 'TOKEN_REVOKED') socket.disconnect(true);
  void closeSocket(socket).then(() => leaveInTime(socket));
}

/** Throws TOKEN_EXPIRED, and closes the socket, once its token has expired. Called for each event. */
export function rejectIfExpired(socket: ChatSocket): void {
  if (socket.data.expiresAt > Date.now()) return;
  // After the answer to this event.
  setImmediate(endSession, socket, 'TOKEN_EXPIRED');
  throw new Rejection('TOKEN_EXPIRED');
}

/** A close waits for the packets before it, which a client that reads nothing would delay until its heartbeat fails. */
async function leaveInTime({ conn }: ChatSocket): Promise<void> {
  await waitUntil(() => conn.readyState === 'closed', LEAVE_MS);
  if (conn.readyState !== 'closed') abortConnection(conn, 'forced close');
}
