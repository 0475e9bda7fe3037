/*
 * The process whose CPU is measured: it publishes messages by the clock, as a worker would after each commit. Forked by
 * emitter.ts; its only argument is the arm. A Slice comes over IPC, a SliceCost goes back.
 */
import { type Message, message, type UserId } from '@chat-cluster/contracts';
import { connectPubSub, createFanout } from '@chat-cluster/redis';
import { createLogger } from '@chat-cluster/runtime';
import { createShardedAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import type { Arm, Slice, SliceCost } from './slices.ts';

/** Tells both users of each message of a batch, in whatever time it takes. */
type Publish = (batch: Message[]) => void;

const url = process.env.REDIS_URL ?? '';
const publish = await publisherOf(process.argv[2] as Arm);
let settled = Promise.resolve();

process.on('message', (slice: Slice) => {
  settled = settled.then(async () => {
    process.send?.(await run(slice));
  });
});
process.on('disconnect', () => process.exit());
process.send?.('ready');

async function publisherOf(arm: Arm): Promise<Publish> {
  if (arm === 'loop alone') return () => {};
  if (arm === 'emitter') {
    const logger = createLogger({ name: 'publisher', level: 'warn', format: 'json' });
    const { publisher } = await connectPubSub(url, 'sharded', logger);
    const { newMessages } = createFanout(publisher, logger);
    return (batch) => void newMessages(batch);
  }
  const clients = ['publish', 'subscribe'].map(() =>
    // As the emitter's own clients: without it the library makes an AbortSignal per command.
    createClient({ url, commandOptions: { timeout: 0 } }),
  );
  for (const client of clients) await client.connect();
  const io = new Server({ adapter: createShardedAdapter(clients[0], clients[1]) });
  return (batch) => {
    // One room per emit: an emit to two rooms would go to every gateway.
    for (const one of batch) {
      io.to(one.senderId).emit('new_message', one);
      io.to(one.receiverId).emit('new_message', one);
    }
  };
}

/** Batches by the clock. What it costs includes what the replies of Redis cost, for half a second longer. */
async function run({ batches, entries, everyMs, users }: Slice): Promise<SliceCost> {
  const before = process.cpuUsage();
  const start = performance.now();
  for (let i = 0; i < batches; i++) {
    await untilTime(start + i * everyMs);
    publish(Array.from({ length: entries }, (_, k) => messageOf(i * entries + k, users)));
  }
  await untilTime(start + batches * everyMs + 500);
  const { user, system } = process.cpuUsage(before);
  return { cpuMicroseconds: user + system };
}

function untilTime(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, time - performance.now())));
}

/** Of the common kind: a hundred characters. */
const TEMPLATE = message.parse({
  id: '01926b3a-7c11-7d3e-9f52-0a4c1f6f2b10',
  conversationId: '01926b3a-7c11-7d3e-9f52-0a4c1f6f2b11',
  seq: 1,
  senderId: 'a',
  receiverId: 'b',
  content: 'x'.repeat(100),
  attachments: [],
  clientMessageId: '01926b3a-7c11-7d3e-9f52-0a4c1f6f2b12',
  isRead: false,
  createdAt: '2026-01-01T12:00:30.000Z',
});

/** Between two neighbours of the users. */
function messageOf(seq: number, users: readonly UserId[]): Message {
  const at = (i: number) => users[i % users.length] ?? TEMPLATE.senderId;
  return { ...TEMPLATE, seq, senderId: at(seq), receiverId: at(seq + 1) };
}
