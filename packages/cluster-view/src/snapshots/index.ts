/* The writer's side: a separate entry, because index.ts loads the reader with Postgres and BullMQ. */
export * from './write-snapshots.ts';
