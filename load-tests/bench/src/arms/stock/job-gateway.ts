/*
 * The gateway of the arm `jobs`: every message becomes one BullMQ job, which job-worker.ts executes. It acknowledges a
 * message once Redis has the job, which is before the message is stored.
 */
import { Queue } from 'bullmq';
import { createClient } from 'redis';
import { type Draft, stockServer, userOf } from './server.ts';
import { JOB_QUEUE } from './store.ts';

const { io, listen } = await stockServer();
const connection = createClient({ url: process.env.REDIS_URL ?? '' });
await connection.connect();
const queue = new Queue(JOB_QUEUE, { connection, defaultJobOptions: { removeOnComplete: true, removeOnFail: 1_000 } });
io.on('connection', (socket) => {
  socket.on('send_message', async (draft: Draft, ack?: (answer: unknown) => void) => {
    try {
      await queue.add('store', { ...draft, senderId: userOf(socket) });
      ack?.({ ok: true });
    } catch {
      ack?.({ ok: false });
    }
  });
});
listen();
