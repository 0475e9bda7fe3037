import { io } from 'socket.io-client';
import type { OpenSocket } from '../types.ts';

/** Opens a socket of socket.io-client. It neither connects nor reconnects by itself: connection.ts does that. */
export const openSocket: OpenSocket = (url, { auth }) =>
  io(url, { auth, forceNew: true, autoConnect: false, reconnection: false });
