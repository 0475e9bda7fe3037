import { randomUUID } from 'node:crypto';
import type { BatchReply, Entry, EntryResult, LaneBatch, SendEntry, UserId } from '@chat-cluster/contracts';
import { type Inbox, newConversationId, newMessageId } from '@chat-cluster/domain';
import {
  consumeLane,
  createInbox,
  inboxLane,
  type LaneConsumer,
  queueServer,
  ReplyReceiver,
  sendReply,
} from '@chat-cluster/queue';
import {
  connectPubSub,
  connectRedis,
  disconnectRedis,
  type PubSub,
  type RedisClient,
  type RedisRole,
} from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';
import { privateServers } from '@chat-cluster/testkit';
import { register } from 'prom-client';

type Line = { level: string; fields: Record<string, unknown>; text: string };

/** What a test of lanes needs, in an empty database of the test run's Redis. Disposing closes all of it. */
export interface Bench extends AsyncDisposable {
  logger: Logger;
  /** Lines logged so far. */
  lines: Line[];
  connect(role: RedisRole, url?: string): Promise<RedisClient>;
  pubsub(url?: string): Promise<PubSub>;
  /** Closes `value` when the bench is disposed. */
  own<T>(value: T, close: (value: T) => Promise<unknown>): T;
  /** A gateway's side. `replyDeadlineMs` replaces the seconds for which a gateway waits for a reply. */
  inbox(options?: { lanes?: number; maxInFlight?: number; replyDeadlineMs?: number; url?: string }): Promise<Inbox>;
  /** A worker's side of one inbox lane. Replies to each batch with the results of `work`. */
  consumer(work: (batch: LaneBatch) => Promise<EntryResult[]>, laneNumber?: number): Promise<LaneConsumer>;
}

/** Pub/sub has no databases, but the channels here are unique. */
const DATABASE = 9;

export async function newBench(): Promise<Bench> {
  const { redis } = await privateServers();
  const lines: Line[] = [];
  const at = (level: string) => (fields: Line['fields'], text: string) => lines.push({ level, fields, text });
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } as unknown as Logger;
  const owned: (() => Promise<unknown>)[] = [];
  const own: Bench['own'] = (value, close) => {
    owned.push(() => close(value));
    return value;
  };
  const database = `${redis.url}/${DATABASE}`;
  const connect: Bench['connect'] = async (role, url = database) =>
    own(await connectRedis(url, role, logger), disconnectRedis);
  const pubsub: Bench['pubsub'] = async (url = database) =>
    own(await connectPubSub(url, 'sharded', logger), (connections) => connections.close());
  await (await connect('consume')).flushDb();

  return {
    logger,
    lines,
    own,
    connect,
    pubsub,
    async inbox({ lanes = 1, maxInFlight = 1, replyDeadlineMs, url } = {}) {
      const [{ subscriber }, produce] = [await pubsub(url), await connect('produce', url)];
      const replies = new TestReplyReceiver(subscriber, randomUUID(), logger);
      replies.replyDeadlineMs = replyDeadlineMs;
      await replies.start();
      // A process has one inbox. A test has several, and each registers its gauge.
      register.removeSingleMetric('chat_lane_waiting_entries');
      const servers = [{ client: produce }];
      return createInbox({ lanes, servers, replies, maxInFlight });
    },
    async consumer(work, laneNumber = 0) {
      const { publisher } = await pubsub();
      const process = async (batch: LaneBatch) => {
        const reply: BatchReply = { v: 1, batchId: batch.batchId, results: await work(batch) };
        await sendReply(publisher, batch.replyTo, reply);
      };
      const server = queueServer(await connect('consume'));
      const consumer = await consumeLane({ lane: inboxLane(laneNumber), server, logger, processor: { process } });
      return own(consumer, (one) => one.close());
    },
    async [Symbol.asyncDispose]() {
      for (const close of owned.reverse()) await close();
    },
  };
}

class TestReplyReceiver extends ReplyReceiver {
  replyDeadlineMs: number | undefined;

  override expect(batchId: string, ms: number) {
    return super.expect(batchId, this.replyDeadlineMs ?? ms);
  }
}

/** Sends of one conversation with these contents. */
export function sends(contents: readonly string[], conversationId = newConversationId()): SendEntry[] {
  return contents.map((content) => {
    const id = newMessageId();
    return {
      kind: 'send',
      id,
      conversationId,
      senderId: 'alice' as UserId,
      receiverId: 'bob' as UserId,
      clientMessageId: id as string as SendEntry['clientMessageId'],
      content,
      attachments: [],
    };
  });
}

/** A result that contains the content of its entry. */
export function echo(entry: Entry): EntryResult {
  return { kind: 'stored', seq: 1, createdAt: entry.kind === 'send' ? String(entry.content) : 'read' };
}

export function contentsOf(batch: LaneBatch): string[] {
  return batch.entries.map((entry) => (entry.kind === 'send' ? String(entry.content) : 'read'));
}
