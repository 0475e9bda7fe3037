export * from './client.ts';
export * from './cluster.ts';
export * from './eventually.ts';
export * from './servers.ts';
