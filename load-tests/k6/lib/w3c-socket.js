// @ts-check

/**
 * What a websocket tells: k6's events and those of the standard, as far as they agree.
 *
 * @typedef {{ data?: unknown, message?: unknown, error?: unknown }} SocketSignal
 */

/**
 * A websocket that is being opened: `WebSocket` of k6/websockets, of Node and of browsers.
 *
 * @typedef {{
 *   readonly readyState: number,
 *   send(text: string): void,
 *   close(): void,
 *   addEventListener(type: 'open' | 'message' | 'error' | 'close', listener: (event: SocketSignal) => void): void,
 * }} W3cSocket
 */

/** k6 throws for a message to any other websocket, e.g. one that is closing. */
export function isWritable(/** @type {W3cSocket} */ socket) {
  return socket.readyState === OPEN;
}

/** By the standard. */
const OPEN = 1;

/**
 * What went wrong, of an `error` event: k6 has it as a text, others as an Error or a message. The standard tells nobody
 * with which status an upgrade was refused; k6 keeps it as a tag of its own metrics, `ws_sessions{status:503}`.
 *
 * @param {SocketSignal} event
 */
export function problemOf({ error, message }) {
  if (typeof error === 'string') return error;
  if (error instanceof Error && error.message) return error.message;
  return typeof message === 'string' && message ? message : 'the connection failed';
}
