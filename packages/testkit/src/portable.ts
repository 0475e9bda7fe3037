/*
 * For load generators on another runtime than Node, such as k6: the parts of lean.ts that need only the language and
 * timers. They import types from anywhere, and values from each other and from `@chat-cluster/client/core`.
 */
export { isHeld } from '@chat-cluster/client/core';
export * from './align-rows.ts';
export * from './event-order.ts';
export * from './lean-device.ts';
export * from './map-concurrently.ts';
export * from './schedule.ts';
export * from './socket-io-connection.ts';
