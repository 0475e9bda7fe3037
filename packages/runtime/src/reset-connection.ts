import type { Socket } from 'node:net';

/**
 * Ends a TCP connection by a reset: data that the peer has not read is dropped, in this process and in the kernel, and
 * no close handshake is waited for.
 *
 * While the end of the stream is on its way to the kernel, libuv rejects the reset, but Node 24 treats it as done: the
 * handle stays open for ever, and a process that has such a handle never exits (it loops in the clean-up at full CPU).
 * A connection in that state is closed in the usual way; all its data has been sent.
 */
export function resetConnection(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
  if (isEnding) socket.destroy();
  else socket.resetAndDestroy();
}
