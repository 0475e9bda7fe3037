/*
 * Bytes on the wire: raw TCP connections, websocket frames, and malformed input. A separate entry, because names such
 * as `frame` and `upgrade` are clear only beside each other.
 */
export * from './wire/malformed-input.ts';
export * from './wire/mutate.ts';
export * from './wire/raw-socket.ts';
