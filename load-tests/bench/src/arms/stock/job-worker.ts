/*
 * The worker of the arm `jobs`: 100 jobs at a time, each an insert and a count, then emits to both sides through
 * Socket.IO's Redis emitter. It listens on no port; the parent process waits for any number.
 */
import { Emitter } from '@socket.io/redis-emitter';
import { Worker } from 'bullmq';
import { createClient } from 'redis';
import type { Sent } from './server.ts';
import { JOB_QUEUE, stockStore } from './store.ts';

const url = process.env.REDIS_URL ?? '';
const [connection, publisher] = [createClient({ url }), createClient({ url })];
await Promise.all([connection.connect(), publisher.connect()]);
const emitter = new Emitter(publisher);
const store = stockStore(20);
const worker = new Worker<Sent>(
  JOB_QUEUE,
  async ({ data }) => {
    const { message, receiverId, unread } = await store(data);
    emitter.to([message.senderId, receiverId]).emit('new_message', message);
    emitter.to(receiverId).emit('unread_count', { count: unread });
  },
  { connection, concurrency: 100 },
);
worker.on('error', (error) => console.error(error));
await worker.waitUntilReady();
process.on('SIGTERM', () => process.exit());
process.send?.({ type: 'ready', port: 1 });
