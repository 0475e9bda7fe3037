export * from './errors.ts';
export * from './feed.ts';
export * from './http.ts';
export * from './ids.ts';
export * from './lane-batch.ts';
export * from './limits.ts';
export * from './message.ts';
export * from './socket-events.ts';
