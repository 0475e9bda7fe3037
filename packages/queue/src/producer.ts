/*
 * The gateway's side of the queue: appends batches to lanes and receives their replies. A separate entry, because
 * index.ts loads BullMQ: 240 files, none of which a gateway needs. Only consumer/ imports BullMQ.
 */
export * from './inbox.ts';
export * from './lanes.ts';
export * from './replies.ts';
