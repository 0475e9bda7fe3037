/*
 * For load generators: clients, of which one process holds thousands, and what such a process computes. A separate
 * entry, because index.ts would load chai, pg and the start-up code of the cluster into every generator process.
 */
export * from './call-by-clock.ts';
export * from './lean-client.ts';
export * from './lean-websocket.ts';
export * from './portable.ts';
export * from './quantile.ts';
export * from './samples.ts';
export * from './send-http.ts';
export * from './yielder.ts';
