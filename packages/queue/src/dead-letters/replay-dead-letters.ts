import { randomUUID } from 'node:crypto';
import { type Entry, type EntryResult, Rejection } from '@chat-cluster/contracts';
import type { DeadLetter, DeadLetters, Inbox } from '@chat-cluster/domain';
import { connectPubSub, connectRedis, disconnectRedis } from '@chat-cluster/redis';
import { ConfigError, createLogger, type RedisConfig, redisServers, withDeadline } from '@chat-cluster/runtime';
import { z } from 'zod';
import { createInbox } from '../inbox.ts';
import { describeLayout, readLayout } from '../lanes.ts';
import { ReplyReceiver } from '../replies.ts';

export interface ReplayResult {
  id: string;
  /** True when the entry is stored, so the letter can be dropped. */
  done: boolean;
  /** False when no worker responded. */
  answered: boolean;
  outcome: string;
}

/** Submits letters in order, like a gateway. Resolves when each has a result or has timed out. */
type Replay = (letters: readonly DeadLetter[]) => Promise<ReplayResult[]>;

const CONNECT_MS = 5_000;
/** Letters that are submitted to the lanes at a time. */
const PAGE = 100;

/**
 * Submits letters in the order in which they were kept, so that the messages of a user keep their order, and drops those
 * that are stored then. Ends early when no worker responds: the results of the remaining letters are missing.
 */
export async function replayLetters(
  letters: DeadLetters,
  found: readonly DeadLetter[],
  config: RedisConfig & { LANES: number },
  onResults: (results: readonly ReplayResult[]) => void = () => {},
): Promise<ReplayResult[]> {
  if (found.length === 0) return [];
  const inOrder = found.toSorted((a, b) => a.at.getTime() - b.at.getTime() || (a.id < b.id ? -1 : 1));
  const results: ReplayResult[] = [];
  await using open = new AsyncDisposableStack();
  const submit = await openReplay(config, open);
  for (let from = 0; from < inOrder.length; from += PAGE) {
    const page = await submit(inOrder.slice(from, from + PAGE));
    await letters.drop(page.filter(({ done }) => done).map(({ id }) => id));
    results.push(...page);
    onResults(page);
    if (page.every(({ answered }) => !answered)) break;
  }
  return results;
}

/**
 * Connects to the lanes; `open` closes the connections. Rejects when a Redis does not respond, or is used with another
 * layout of lanes.
 */
async function openReplay(config: RedisConfig & { LANES: number }, open: AsyncDisposableStack): Promise<Replay> {
  const logger = createLogger({ name: 'dead-letters', level: 'silent', format: 'json' });
  const { pubsub: pubsubUrl, queues } = redisServers(config);
  const pubsub = await withDeadline(connectPubSub(pubsubUrl, config.REDIS_ADAPTER, logger), CONNECT_MS, 'redis');
  open.defer(() => pubsub.close());
  const servers = await Promise.all(
    queues.map(async (url, index) => {
      const client = await withDeadline(connectRedis(url, 'produce', logger), CONNECT_MS, 'redis');
      open.adopt(client, disconnectRedis);
      const here = describeLayout({ lanes: config.LANES, index, servers: queues.length });
      const announced = (await readLayout(client)) ?? here;
      if (announced !== here) throw new ConfigError([`LANES: this Redis is used with ${announced} lanes, not ${here}`]);
      return { client };
    }),
  );
  const replies = new ReplyReceiver(pubsub.subscriber, `dead-letters:${randomUUID()}`, logger);
  await replies.start();
  open.defer(() => replies.stop());
  const inbox = createInbox({ lanes: config.LANES, servers, replies });
  return (letters) => Promise.all(letters.map((letter) => submit(inbox, letter)));
}

async function submit(inbox: Inbox, letter: DeadLetter): Promise<ReplayResult> {
  const { id } = letter;
  const entry = entrySchema.safeParse(JSON.parse(letter.entry));
  if (!entry.success)
    return { id, done: false, answered: true, outcome: 'not an entry that a lane accepts; show prints it' };
  try {
    return { id, answered: true, ...outcomeOf(await inbox.submit(entry.data as Entry)) };
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    return { id, done: false, answered: false, outcome: `${error.payload.code}: ${error.message}` };
  }
}

function outcomeOf(result: EntryResult): { done: boolean; outcome: string } {
  switch (result.kind) {
    case 'stored':
      return { done: true, outcome: `stored as message ${result.seq}` };
    case 'duplicate':
      return { done: true, outcome: `already stored as message ${result.message.seq}` };
    case 'read':
      return { done: true, outcome: `marked as read up to ${result.upToSeq}` };
    case 'group_stored':
      return { done: true, outcome: `stored as message ${result.message.seq}` };
    case 'group_changed':
      return { done: true, outcome: 'the group is changed' };
    case 'message_changed':
      return { done: true, outcome: `message ${result.message.seq} is changed` };
    case 'rejected':
      return { done: false, outcome: `${result.error.code}: ${result.error.message}` };
  }
}

const extras = {
  replyTo: z.looseObject({ seq: z.number() }).optional(),
  mentions: z.array(z.string()).optional(),
  mentionsAll: z.literal(true).optional(),
};

/** Checks the shape of an entry, not its limits: the store rejects an entry that violates a limit again. */
const entrySchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('send'),
    id: z.guid(),
    conversationId: z.guid(),
    senderId: z.string(),
    receiverId: z.string(),
    clientMessageId: z.string(),
    content: z.string().nullable(),
    attachments: z.array(z.looseObject({ url: z.string() })),
    ...extras,
  }),
  z.object({
    kind: z.literal('read'),
    conversationId: z.guid(),
    userId: z.string(),
    otherUserId: z.string(),
    upToSeq: z.number().nullable(),
  }),
  z.object({
    kind: z.literal('group_send'),
    id: z.guid(),
    conversationId: z.guid(),
    senderId: z.string(),
    clientMessageId: z.string(),
    content: z.string().nullable(),
    attachments: z.array(z.looseObject({ url: z.string() })),
    ...extras,
  }),
  z.object({
    kind: z.literal('group_read'),
    conversationId: z.guid(),
    userId: z.string(),
    upToSeq: z.number().nullable(),
  }),
  z.object({
    kind: z.literal('group_change'),
    id: z.guid(),
    conversationId: z.guid(),
    by: z.string(),
    changeId: z.string(),
    change: z.looseObject({ type: z.string() }),
  }),
  z.object({
    kind: z.literal('message_change'),
    conversationId: z.guid(),
    by: z.string(),
    seq: z.number(),
    change: z.looseObject({ type: z.string() }),
  }),
]);
