export * from './client.ts';
export * from './cluster.ts';
export * from './eventually.ts';
export * from './fault-proxy.ts';
export * from './history.ts';
export * from './history-checker.ts';
export * from './random.ts';
export * from './servers.ts';
