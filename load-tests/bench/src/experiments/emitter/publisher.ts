/*
 * The process whose CPU is measured: it publishes messages by the clock, as a worker would after each commit.
 * measure.ts forks it; its only argument is the arm.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Message, message, type UserId } from '@chat-cluster/contracts';
import { connectPubSub, createFanout } from '@chat-cluster/redis';
import { createLogger } from '@chat-cluster/runtime';
import { callByClock } from '@chat-cluster/testkit/lean-client';
import { serveParent } from '@chat-cluster/testkit/processes';
import { createShardedAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';

/** `batches` batches of `entries` messages between `users`, one batch every `everyMs`. */
export interface Slice {
  batches: number;
  entries: number;
  everyMs: number;
  users: readonly UserId[];
}

/** Notifies both users of each message of a batch. */
type Publish = (batch: Message[]) => void;

/** Time after the last batch that is measured too, in ms: the replies of Redis cost CPU. */
const REPLIES_MS = 500;

const publish = await createPublish(process.argv[2]);
const methods = {
  /** Publishes the batches. Resolves with the CPU of this process in microseconds. */
  async publish({ batches, entries, everyMs, users }: Slice): Promise<number> {
    const before = process.cpuUsage();
    const start = performance.now();
    let seq = 0;
    await callByClock(
      start,
      everyMs,
      (due) => due >= start + (batches - 0.5) * everyMs,
      () => publish(Array.from({ length: entries }, () => messageOf(seq++, users))),
    );
    await delay(start + batches * everyMs + REPLIES_MS - performance.now());
    const { user, system } = process.cpuUsage(before);
    return user + system;
  },
};

export type PublisherMethods = typeof methods;

serveParent(methods);

async function createPublish(arm: string | undefined): Promise<Publish> {
  if (arm === 'loop alone') return () => {};
  const url = process.env.REDIS_URL ?? '';
  if (arm === 'emitter') {
    const logger = createLogger({ name: 'publisher', level: 'warn', format: 'json' });
    const { publisher } = await connectPubSub(url, 'sharded', logger);
    const { newMessages } = createFanout(publisher, logger);
    return (batch) => void newMessages(batch);
  }
  // No command time-out, as the emitter's own clients: with one, the library creates an AbortSignal per command.
  const clients = [0, 1].map(() => createClient({ url, commandOptions: { timeout: 0 } }));
  for (const client of clients) await client.connect();
  const io = new Server({ adapter: createShardedAdapter(clients[0], clients[1]) });
  return (batch) => {
    // One room per emit: an emit to two rooms would go to every gateway.
    for (const one of batch) {
      io.to(one.senderId).emit('new_message', one);
      if (one.receiverId) io.to(one.receiverId).emit('new_message', one);
    }
  };
}

/** A message of the usual kind, with 100 characters. */
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

/**
 * A message between two users that no other message of the batch has: the emitter joins the emits of a batch for one
 * user.
 */
function messageOf(seq: number, users: readonly UserId[]): Message {
  const at = (i: number) => users[i % users.length] ?? TEMPLATE.senderId;
  return { ...TEMPLATE, seq, senderId: at(2 * seq), receiverId: at(2 * seq + 1) };
}
