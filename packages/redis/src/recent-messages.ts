import type { ConversationId, Message } from '@chat-cluster/contracts';
import type { NewestMessages, RecentMessages } from '@chat-cluster/domain';
import { withDeadline } from '@chat-cluster/runtime';
import type { RedisClient } from './connection.ts';

/** As many as the default page of history, for an hour after the last message: about 20 kB a busy conversation. */
const KEPT = 50;
const TTL_SECONDS = 3_600;
const DEADLINE_MS = 250;

/**
 * Adds messages to the sorted sets of their conversations in one round trip.
 * KEYS[i]: the set of message i. ARGV[1]: how many to keep. ARGV[2]: TTL in seconds. ARGV[2i+1], ARGV[2i+2]: seq and
 * JSON of message i. Guarantee: after it, each set holds at most ARGV[1] members, those with the highest seq.
 * Running it again with the same arguments changes nothing but the TTL.
 */
const APPEND = `
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, ARGV[2 * i + 1], ARGV[2 * i + 2])
end
for _, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYRANK', key, 0, -1 - ARGV[1])
  redis.call('EXPIRE', key, ARGV[2])
end`;

/**
 * The recent-message cache: a sorted set of JSON by seq per conversation. A lost write leaves a hole, which `range`
 * sees because seq is dense, so the cache needs no invalidation: messages never change.
 */
export function createRecentMessages(client: RedisClient): RecentMessages & NewestMessages {
  return {
    async append(messages) {
      if (messages.length === 0) return;
      await withDeadline(
        client.eval(APPEND, {
          keys: messages.map((message) => keyOf(message.conversationId)),
          arguments: [
            String(KEPT),
            String(TTL_SECONDS),
            ...messages.flatMap((message) => [String(message.seq), JSON.stringify(message)]),
          ],
        }),
        DEADLINE_MS,
        'cache append',
      );
    },
    async range(id, fromSeq, toSeq) {
      const size = toSeq - fromSeq + 1;
      if (size > KEPT) return undefined;
      const members = await withDeadline(client.zRangeByScore(keyOf(id), fromSeq, toSeq), DEADLINE_MS, 'cache range');
      if (members.length !== size) return undefined;
      const messages = members.map((member) => JSON.parse(member) as Message);
      return messages.every((message, i) => message.seq === fromSeq + i) ? messages : undefined;
    },
    async newest(id) {
      const [member] = await withDeadline(client.zRange(keyOf(id), -1, -1), DEADLINE_MS, 'cache newest');
      return member === undefined ? undefined : (JSON.parse(member) as Message);
    },
  };
}

function keyOf(id: ConversationId): string {
  return `chat:recent:${id}`;
}
