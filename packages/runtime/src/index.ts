export * from './config.ts';
export * from './deadline.ts';
export * from './lifecycle.ts';
export * from './logger.ts';
export * from './main.ts';
export * from './natural-batch.ts';
export * from './ops-server.ts';
export * from './persist.ts';
