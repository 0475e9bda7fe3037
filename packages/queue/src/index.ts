export * from './connection.ts';
export * from './inbox.ts';
export * from './lane-consumer.ts';
export * from './lanes.ts';
export * from './recount-requests.ts';
export * from './replies.ts';
