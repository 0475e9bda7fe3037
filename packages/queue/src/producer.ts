/*
 * The gateway's side of the queue: it appends batches to lanes and receives their replies. An entry of its own, because
 * index.ts loads BullMQ, 240 files of which a gateway needs none.
 */
export * from './inbox.ts';
export * from './lanes.ts';
export * from './replies.ts';
