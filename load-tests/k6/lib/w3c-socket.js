// @ts-check

/**
 * An event of a websocket: the fields that k6's events and those of the standard have in common.
 *
 * @typedef {{ data?: unknown, message?: unknown, error?: unknown }} SocketSignal
 */

/**
 * A websocket that is opening or open: `WebSocket` of k6/websockets, of Node and of browsers.
 *
 * @typedef {{
 *   readonly readyState: number,
 *   send(text: string): void,
 *   close(): void,
 *   addEventListener(type: 'open' | 'message' | 'error' | 'close', listener: (event: SocketSignal) => void): void,
 * }} W3cSocket
 */

/** True when the websocket accepts messages. In other states, such as closing, k6's `send` throws. */
export function isWritable(/** @type {W3cSocket} */ socket) {
  return socket.readyState === OPEN;
}

/** `readyState` of an open websocket in the standard. */
const OPEN = 1;

/**
 * The reason in an `error` event: a text in k6, an Error or a message elsewhere. The standard hides the status of a
 * refused upgrade; k6 has it as a tag of its own metrics, `ws_sessions{status:503}`.
 *
 * @param {SocketSignal} event
 */
export function problemOf({ error, message }) {
  if (typeof error === 'string') return error;
  if (error instanceof Error && error.message) return error.message;
  return typeof message === 'string' && message ? message : 'the connection failed';
}
