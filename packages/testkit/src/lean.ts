/*
 * Clients for load generators: thousands of them fit into one process. An entry of its own, because index.ts loads chai, pg
 * and the cluster's start-up code into every generator process.
 */
export * from './lean-client.ts';
export * from './lean-websocket.ts';
export * from './turns.ts';
