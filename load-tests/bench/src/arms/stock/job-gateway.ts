/*
 * The gateway of the arm `jobs`: every message becomes one BullMQ job, which job-worker.ts executes. It acknowledges a
 * message once Redis has the job, which is before the message is stored.
 */
import { Queue } from 'bullmq';
import { createClient } from 'redis';
import { stockServer } from './server.ts';
import { JOB_QUEUE } from './store.ts';

const { onMessage, listen } = await stockServer();
const connection = createClient({ url: process.env.REDIS_URL ?? '' });
await connection.connect();
const queue = new Queue(JOB_QUEUE, { connection, defaultJobOptions: { removeOnComplete: true, removeOnFail: 1_000 } });
onMessage(async (sent) => {
  await queue.add('store', sent);
});
listen();
