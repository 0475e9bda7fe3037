import { randomUUID } from 'node:crypto';
import { type Entry, type EntryResult, Rejection } from '@chat-cluster/contracts';
import type { DeadLetter } from '@chat-cluster/domain';
import { createInbox, QUEUE_PREFIX, queueConnection, ReplyReceiver } from '@chat-cluster/queue';
import { connectRedis, disconnectRedis, type RedisRole } from '@chat-cluster/redis';
import { ConfigError, createLogger, withDeadline } from '@chat-cluster/runtime';
import { z } from 'zod';

export interface ReplayResult {
  id: string;
  /** It is stored, so the letter may go. */
  done: boolean;
  /** A worker answered, or would have; false: the lanes are away. */
  answered: boolean;
  outcome: string;
}

export interface Replay extends AsyncDisposable {
  /** Submits the letters in order, as a gateway would; resolves when each is answered or given up. */
  replay(letters: readonly DeadLetter[]): Promise<ReplayResult[]>;
}

const CONNECT_MS = 5_000;

/** The way back into the lanes. Rejects when Redis does not answer, or is used with another number of lanes. */
export async function openReplay({ REDIS_URL, LANES }: { REDIS_URL: string; LANES: number }): Promise<Replay> {
  const logger = createLogger({ name: 'dead-letters', level: 'silent', format: 'json' });
  await using open = new AsyncDisposableStack();
  const connect = async (role: RedisRole) =>
    open.adopt(await withDeadline(connectRedis(REDIS_URL, role, logger), CONNECT_MS, 'redis'), disconnectRedis);
  const [produce, subscribe] = [await connect('produce'), await connect('subscribe')];
  const announced = await produce.get(`${QUEUE_PREFIX}:lanes`);
  if (announced !== null && announced !== String(LANES)) {
    throw new ConfigError([`LANES: this Redis is used with ${announced} lanes, not ${LANES}`]);
  }
  const replies = new ReplyReceiver(subscribe, `dead-letters:${randomUUID()}`, logger);
  await replies.start();
  open.defer(() => replies.stop());
  const inbox = createInbox({
    lanes: LANES,
    connection: queueConnection(produce),
    replies,
    pulses: [produce.pulse, subscribe.pulse],
  });
  open.defer(() => inbox.close());
  const owned = open.move();
  return {
    replay: (letters) => Promise.all(letters.map((letter) => submit(inbox, letter))),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function submit(
  inbox: { submit(entry: Entry): Promise<EntryResult> },
  letter: DeadLetter,
): Promise<ReplayResult> {
  const { id } = letter;
  const entry = entrySchema.safeParse(JSON.parse(letter.entry));
  if (!entry.success) return { id, done: false, answered: true, outcome: 'is no entry that a lane takes; show has it' };
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
      return { done: true, outcome: `was stored already, as message ${result.message.seq}` };
    case 'read':
      return { done: true, outcome: `read up to ${result.upToSeq}` };
    case 'rejected':
      return { done: false, outcome: `${result.error.code}: ${result.error.message}` };
  }
}

/** The shape of an entry, not its rules: those it has broken maybe, and the store will say so again. */
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
  }),
  z.object({
    kind: z.literal('read'),
    conversationId: z.guid(),
    userId: z.string(),
    otherUserId: z.string(),
    upToSeq: z.number().nullable(),
  }),
]);
