import type { TextSocket, TextSocketEvents } from '../generated/client-library.js';

/** A websocket that is opening or open: `WebSocket` of k6/websockets, of Node and of browsers. */
export interface W3cSocket {
  readonly readyState: number;
  send(text: string): void;
  close(): void;
  /** Listeners read `data`; some events have only an `error`. */
  addEventListener(
    type: 'open' | 'message' | 'close',
    listener: (event: { data?: unknown; error?: unknown }) => void,
  ): void;
}

/** `readyState` of an open websocket in the standard. In other states k6's `send` throws, and `close` blocks the VU. */
const OPEN = 1;

/**
 * The websocket of a connection of the client library. It is over as soon as it is closed here: nothing is received
 * after that, however long the server takes to respond. One that is closed while it opens is closed once it is open.
 *
 * A malformed packet is dropped and reported: on k6 an error in a handler ends the whole VU.
 */
export function textSocket(socket: W3cSocket, { text, closed }: TextSocketEvents, unreadable: () => void): TextSocket {
  let isOver = false;
  const end = () => {
    if (isOver) return;
    isOver = true;
    closed(undefined, undefined);
  };
  socket.addEventListener('open', () => {
    if (isOver) socket.close();
  });
  socket.addEventListener('message', ({ data }) => {
    if (isOver) return;
    try {
      if (typeof data !== 'string') throw new SyntaxError('a binary message');
      text(data);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      unreadable();
    }
  });
  // An `error` is followed by `close`.
  socket.addEventListener('close', end);
  return {
    send(packet) {
      if (socket.readyState === OPEN) socket.send(packet);
    },
    close() {
      if (socket.readyState === OPEN) socket.close();
      end();
    },
  };
}
