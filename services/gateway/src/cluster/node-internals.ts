/*
 * The only file that relies on private parts of Node's modules `cluster` and `http`. Each comment states the behaviour that the
 * gateway relies on; test/node-internals.test.ts pins the installed version and checks it.
 */
import type { Worker } from 'node:cluster';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Stops reads from a connection that is about to be sent to a fork. Node goes on reading until the fork has confirmed
 * it, and drops the bytes that a fast client sends meanwhile.
 */
export function stopReading(socket: Socket): void {
  (socket as { _handle?: { readStop?(): void } })._handle?.readStop?.();
}

/**
 * Closes the connections that were sent to a fork and that it has not confirmed; they would stay open without an answer
 * when it dies. Node 24 keeps the one that is being sent in `_pendingMessage` of the child process, and the later ones
 * in `_handleQueue`.
 */
export function closeUnconfirmed(fork: Worker): void {
  const { _pendingMessage, _handleQueue } = fork.process as {
    _pendingMessage?: { handle?: { close(): void } } | null;
    _handleQueue?: readonly { handle?: Socket }[] | null;
  };
  _pendingMessage?.handle?.close();
  for (const { handle } of _handleQueue ?? []) handle?.destroy();
}

/** Whether a response to a request of this connection has begun and is not finished: Node keeps it in `_httpMessage`. */
export function hasBegunResponse(socket: Socket): boolean {
  return (socket as { _httpMessage?: { _headerSent: boolean } | null })._httpMessage?._headerSent ?? false;
}

/**
 * Drops the requests that Node has read from an HTTP connection and not handled yet. Node calls `onIncoming` of the
 * connection's parser for each request; after the result 2, which stands for an upgrade, it parses nothing more of what
 * was read. A parser that is used again gets a new `onIncoming`.
 */
export function dropReadRequests(socket: Socket): void {
  const { parser } = socket as { parser?: { onIncoming: unknown } | null };
  if (parser) parser.onIncoming = () => 2;
}

/**
 * Passes the body of a request to `push` until its end. Node calls `_dump` of the request after the response, and from
 * then on drops the parts of the body before `push`.
 */
export function pushAfterResponse(request: IncomingMessage): void {
  (request as unknown as { _dump(): void })._dump = () => {
    request.removeAllListeners('data');
    request.resume();
  };
}
