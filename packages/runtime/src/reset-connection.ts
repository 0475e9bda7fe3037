import type { Socket } from 'node:net';

/**
 * Ends a TCP connection by a reset: what the peer has not taken is dropped, here and in the kernel, and nothing waits for it.
 *
 * While the end of a stream is on its way to the kernel, libuv refuses the reset, and Node 24 takes it for done all the
 * same: the handle stays open for ever, and a process that has one never ends (it turns in the clean-up at full CPU). Such a
 * connection is closed in the usual way; it has nothing more to say.
 */
export function resetConnection(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
  if (isEnding) socket.destroy();
  else socket.resetAndDestroy();
}
