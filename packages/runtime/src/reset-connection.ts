import type { Socket } from 'node:net';

/**
 * Ends a TCP connection by a reset: unread data is dropped, in this process and in the kernel, and there is no close
 * handshake.
 *
 * While the end of the stream is being written, libuv rejects the reset, but Node 24 treats it as done: the handle
 * never closes, and a process with such a handle never exits (it loops in the clean-up at full CPU). A connection in
 * that state is closed in the usual way; all its data has been sent.
 */
export function resetConnection(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
  if (isEnding) socket.destroy();
  else socket.resetAndDestroy();
}
