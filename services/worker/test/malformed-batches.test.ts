import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientMessageId, ConversationId, LaneBatch, SendEntry, UserId } from '@chat-cluster/contracts';
import { newMessageId } from '@chat-cluster/domain';
import { createDeadLetters, type Database, openDatabase } from '@chat-cluster/postgres';
import { appendToLane, givenUpOf, inboxLane, streamOf } from '@chat-cluster/queue';
import { connectRedis, disconnectRedis, type RedisClient } from '@chat-cluster/redis';
import { createLogger } from '@chat-cluster/runtime';
import { eventually, newUser, openConversation, startTestCluster, type TestCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';

const LANE = inboxLane(0);

/** Dead letters of a case: how many, and the reason of each. */
interface Expected {
  letters: number;
  reason: RegExp;
  /** Entries of the batch that are stored. Default: none. */
  stored?: number;
}

describe('a malformed batch in the stream of a lane', () => {
  let cluster: TestCluster;
  let db: Database;
  let redis: RedisClient;
  let conversation: { id: ConversationId; a: UserId; b: UserId };

  before(async () => {
    cluster = await startTestCluster({ gatewayProcesses: 1, lanes: 1 });
    db = openDatabase({ url: cluster.databaseUrl, poolSize: 2, applicationName: 'test', onError: () => {} });
    const logger = createLogger({ name: 'test', level: 'silent', format: 'json' });
    redis = await connectRedis(cluster.redisUrl, 'consume', logger);
    const [a, b] = [newUser('a') as UserId, newUser('b') as UserId];
    conversation = { id: (await openConversation(cluster, a, b)) as ConversationId, a, b };
  });
  afterEach(async () => {
    const deadLetters = createDeadLetters(db);
    await deadLetters.drop((await deadLetters.newest(10_000)).map(({ id }) => id));
  });
  after(async () => {
    await disconnectRedis(redis);
    await db.destroy();
    await cluster.stop();
  });

  function send(changes: object = {}): SendEntry {
    const id = newMessageId();
    const { id: conversationId, a: senderId, b: receiverId } = conversation;
    const clientMessageId = id as string as ClientMessageId;
    const ids = { id, conversationId, senderId, receiverId, clientMessageId };
    return { kind: 'send', ...ids, content: 'text', attachments: [], ...changes };
  }
  const batch = (changes: object = {}): LaneBatch => ({
    v: 1,
    batchId: randomUUID(),
    replyTo: 'no gateway',
    acceptedAt: Date.now(),
    entries: [send()],
    ...changes,
  });
  const without = (field: string) => ({ [field]: undefined });
  const many = (count: number) => Array.from({ length: count }, () => send());

  const one = (reason: RegExp): Expected => ({ letters: 1, reason });
  const cases: Record<string, [data: () => unknown, Expected]> = {
    'the text null': [() => null, one(/^a batch that is not an object$/)],
    'a number': [() => 42, one(/^a batch that is not an object$/)],
    'a string': [() => 'text', one(/^a batch that is not an object$/)],
    'an array': [() => [batch()], one(/^a batch that is not an object$/)],
    'an object without fields': [() => ({}), one(/^unknown version of a batch$/)],
    'another version': [() => batch({ v: 2 }), one(/^unknown version of a batch$/)],
    'no entries': [() => batch(without('entries')), one(/^a batch without entries$/)],
    'entries that are no array': [() => batch({ entries: { 0: send() } }), one(/^a batch without entries$/)],
    'no batch id': [() => batch(without('batchId')), one(/^a batch without an id$/)],
    'no reply address': [() => batch({ replyTo: 5 }), one(/^a batch without an address for its reply$/)],
    'no time': [() => batch({ acceptedAt: null }), one(/^a batch without the time of its acceptance$/)],
    'too many entries': [() => batch({ entries: many(2_001) }), { letters: 2_001, reason: /^a batch of more than/ }],
    'an entry null': [() => batch({ entries: [null, send()] }), { ...one(/without a valid kind$/), stored: 1 }],
    'an entry that is a number': [
      () => batch({ entries: [send(), 7] }),
      { ...one(/without a valid kind$/), stored: 1 },
    ],
    'an unknown kind of entry': [
      () => batch({ entries: [send({ kind: 'edit' }), send()] }),
      { ...one(/without a valid kind$/), stored: 1 },
    ],
    'a send without a conversation': [
      () => batch({ entries: [send(without('conversationId')), send()] }),
      { ...one(/without a valid conversationId$/), stored: 1 },
    ],
    'a send without a sender': [
      () => batch({ entries: [send(without('senderId')), send()] }),
      { ...one(/without a valid senderId$/), stored: 1 },
    ],
    'a send without an id': [
      () => batch({ entries: [send(without('id')), send()] }),
      { ...one(/without a valid id$/), stored: 1 },
    ],
    'a send with a strange text': [
      () => batch({ entries: [send({ content: { toString: 1, length: -1e9 } }), send()] }),
      { ...one(/without a valid content$/), stored: 1 },
    ],
    'a read without a user': [
      () => {
        const { id, b } = conversation;
        return batch({ entries: [{ kind: 'read', conversationId: id, otherUserId: b, upToSeq: null }, send()] });
      },
      { ...one(/without a valid userId$/), stored: 1 },
    ],
    'a read up to a text': [
      () =>
        batch({
          entries: [
            {
              kind: 'read',
              conversationId: conversation.id,
              userId: conversation.a,
              otherUserId: conversation.b,
              upToSeq: 'x',
            },
            send(),
          ],
        }),
      { ...one(/without a valid upToSeq$/), stored: 1 },
    ],
    'a huge text': [
      () => batch({ entries: [send({ content: 'x'.repeat(2_000_000) })] }),
      one(/without a valid content$/),
    ],
  };

  const texts: Record<string, [append: () => Promise<unknown>, Expected]> = {
    'no JSON': [() => appendToLane(redis, LANE, '\u0000 not JSON'), one(/^the data of the batch is not JSON$/)],
    'an empty text': [() => appendToLane(redis, LANE, ''), one(/^the data of the batch is not JSON$/)],
    'a truncated text': [
      () => appendToLane(redis, LANE, JSON.stringify(batch()).slice(0, -9)),
      one(/^the data of the batch is not JSON$/),
    ],
    'another field': [
      () => redis.xAdd(streamOf(LANE), '*', { other: JSON.stringify(batch()) }),
      one(/^unknown version of a batch$/),
    ],
    ...Object.fromEntries(
      Object.entries(cases).map(([name, [data, expected]]) => [
        name,
        [() => appendToLane(redis, LANE, JSON.stringify(data())), expected],
      ]),
    ),
  };

  for (const [name, [append, { letters, reason, stored = 0 }]] of Object.entries(texts)) {
    it(`becomes a dead letter at once, and the lane continues: ${name}`, async () => {
      const deadLetters = createDeadLetters(db);
      const seqs = () =>
        db.selectFrom('messages').select('seq').where('conversation_id', '=', conversation.id).orderBy('seq').execute();
      const before = (await seqs()).length;
      // The malformed batch waits behind one batch and before another.
      await appendToLane(redis, LANE, JSON.stringify(batch()));
      await append();
      await appendToLane(redis, LANE, JSON.stringify(batch()));
      await eventually(async () => expect(await redis.xLen(streamOf(LANE))).to.equal(0));
      await eventually(async () => expect(await deadLetters.count(10_000)).to.equal(letters));
      const found = await deadLetters.newest(10_000);
      for (const letter of found) {
        expect(letter.reason).to.match(reason);
        expect(letter.attempts).to.equal(1);
      }
      expect((await seqs()).map(({ seq }) => seq)).to.deep.equal(
        Array.from({ length: before + 2 + stored }, (_, i) => i + 1),
      );
      // The worker removes it after the entries of the stream.
      await eventually(async () => expect(await redis.exists(givenUpOf(LANE))).to.equal(0));
    });
  }

  it('stops no lane: the log shows no failed lease', async () => {
    const log = readFileSync(join(cluster.dataDir, 'logs/worker-1.log'), 'utf8');
    expect(log).to.not.include('serving it failed');
  });
});
