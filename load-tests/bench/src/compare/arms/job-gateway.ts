/*
 * (c) The gateway of job-per-message: every message becomes one BullMQ job, and is acknowledged when Redis has the job,
 * which is before it is stored. job-worker.ts does the rest.
 */
import { Queue } from 'bullmq';
import { createClient } from 'redis';
import { JOB_QUEUE } from './job-queue.ts';
import { type Draft, stockServer, userOf } from './stock-server.ts';

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
