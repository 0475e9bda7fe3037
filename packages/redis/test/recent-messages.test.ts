import type { ConversationId, Message, MessageId } from '@chat-cluster/contracts';
import { type NewestMessages, newConversationId, newMessageId, type RecentMessages } from '@chat-cluster/domain';
import { createRecentMessages, type RedisClient } from '@chat-cluster/redis';
import { expect } from 'chai';
import { newClients } from './clients.ts';

describe('recent messages', () => {
  const clients = newClients();
  let redis: RedisClient;
  let recent: RecentMessages & NewestMessages;

  before(async () => {
    redis = await clients.connect('cache');
    recent = createRecentMessages(redis);
  });
  after(() => clients.close());

  function message(conversationId: ConversationId, seq: number, id: MessageId = newMessageId()): Message {
    return {
      id,
      conversationId,
      seq,
      content: `${seq} "ü" \u2028`,
      attachments: [],
      isRead: false,
    } as unknown as Message;
  }
  const run = (id: ConversationId, from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => message(id, from + i));
  const keyOf = (id: ConversationId) => `chat:recent:${id}`;

  it('returns a range in order, as it was appended', async () => {
    const id = newConversationId();
    const messages = run(id, 1, 12);
    await recent.append(messages.slice(0, 5));
    await recent.append(messages.slice(5));
    expect(await recent.range(id, 1, 12)).to.deep.equal(messages);
    expect(await recent.range(id, 9, 11)).to.deep.equal(messages.slice(8, 11));
    expect(await recent.range(id, 7, 7)).to.deep.equal([messages[6]]);
  });

  it('separates conversations that are appended together', async () => {
    const [a, b] = [newConversationId(), newConversationId()];
    const [ofA, ofB] = [run(a, 1, 3), run(b, 7, 8)];
    await recent.append([...ofA, ...ofB].toSorted((x, y) => x.seq - y.seq));
    expect(await recent.range(a, 1, 3)).to.deep.equal(ofA);
    expect(await recent.range(b, 7, 8)).to.deep.equal(ofB);
    expect(await recent.range(b, 1, 3)).to.equal(undefined);
  });

  it('returns nothing for a range with a missing message', async () => {
    const id = newConversationId();
    expect(await recent.range(id, 1, 1)).to.equal(undefined);
    await recent.append([...run(id, 2, 4), ...run(id, 6, 7)]);
    for (const [from, to] of [
      [1, 2],
      [2, 7],
      [4, 6],
      [5, 5],
      [7, 8],
    ] as const) {
      expect(await recent.range(id, from, to), `${from} to ${to}`).to.equal(undefined);
    }
    expect(await recent.range(id, 2, 4)).to.have.length(3);
    expect(await recent.range(id, 6, 7)).to.have.length(2);
  });

  it('returns the newest message, whatever the order of appending', async () => {
    const id = newConversationId();
    expect(await recent.newest(id)).to.equal(undefined);
    const messages = run(id, 8, 11);
    await recent.append(messages.toReversed());
    expect(await recent.newest(id)).to.deep.equal(messages.at(-1));
  });

  it('returns nothing for a range with two messages of the same seq', async () => {
    const id = newConversationId();
    await recent.append([message(id, 1), message(id, 2), message(id, 2), message(id, 4)]);
    expect(await recent.range(id, 1, 4)).to.equal(undefined);
    expect(await recent.range(id, 1, 2)).to.equal(undefined);
  });

  it('keeps the newest 50, whether they are appended one by one, at once or late', async () => {
    const id = newConversationId();
    const messages = run(id, 1, 80);
    await recent.append(messages.slice(10, 80));
    await recent.append(messages.slice(0, 10));
    expect(await recent.range(id, 31, 80)).to.deep.equal(messages.slice(30));
    expect(await recent.range(id, 30, 40)).to.equal(undefined);
    expect(await redis.zCard(keyOf(id))).to.equal(50);
    await recent.append(run(id, 81, 81));
    expect(await recent.range(id, 31, 31)).to.equal(undefined);
    expect(await recent.range(id, 32, 81)).to.have.length(50);
  });

  it('does not request more from Redis than it keeps', async () => {
    const requested = () => Promise.reject(new Error('requested'));
    const unused = createRecentMessages({ zRangeByScore: requested } as unknown as RedisClient);
    expect(await unused.range(newConversationId(), 1, 51)).to.equal(undefined);
    expect(await unused.range(newConversationId(), 1, 2 ** 40)).to.equal(undefined);
  });

  it('is unchanged by messages that it has already, as when a batch runs again', async () => {
    const id = newConversationId();
    const messages = run(id, 1, 5);
    await recent.append(messages);
    await recent.append(messages.slice(1));
    await recent.append(structuredClone(messages));
    expect(await recent.range(id, 1, 5)).to.deep.equal(messages);
    expect(await redis.zCard(keyOf(id))).to.equal(5);
  });

  it('forgets a conversation an hour after its last message', async () => {
    const id = newConversationId();
    await recent.append(run(id, 1, 1));
    expect(await redis.ttl(keyOf(id))).to.be.within(3_590, 3_600);
    await redis.expire(keyOf(id), 7);
    await recent.append(run(id, 2, 2));
    expect(await redis.ttl(keyOf(id))).to.be.within(3_590, 3_600);
  });

  it('does nothing for no messages', async () => {
    await recent.append([]);
  });

  it('rejects soon when Redis does not respond', async () => {
    // Like a server that hangs: while the script runs, no other command is served.
    const busy = (await clients.connect('cache')).eval(
      "local until_ = redis.call('TIME')[1] * 1000 + redis.call('TIME')[2] / 1000 + 500\n" +
        "repeat local t = redis.call('TIME') until t[1] * 1000 + t[2] / 1000 > until_",
    );
    const error = await recent.range(newConversationId(), 1, 1).catch((thrown: Error) => thrown);
    expect(error).to.have.property('name', 'DeadlineError');
    await busy;
  });
});
