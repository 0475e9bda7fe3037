import type { ConversationId, Message } from '@chat-cluster/contracts';
import type { ClearableMessages, NewestMessages, RecentMessages } from '@chat-cluster/domain';
import { withDeadline } from '@chat-cluster/runtime';
import { CLUSTER_NAME } from './cluster-name.ts';
import type { RedisClient } from './connection/connection.ts';

/** Messages kept per conversation: the default page of history, about 20 kB. */
const KEPT = 50;
/** Time that a conversation is kept after its last message, in seconds. */
const TTL_SECONDS = 3_600;
/** Time limit for an answer of Redis, in ms. */
const DEADLINE_MS = 250;

/**
 * Adds messages to the sorted sets of their conversations in one round trip. KEYS[i]: the set of conversation i.
 * ARGV[1]: number of messages to keep. ARGV[2]: TTL in seconds. Then for each key: the number of its arguments, and
 * these arguments: seq and JSON of each message. Guarantee: afterwards each set has at most ARGV[1] members, those with
 * the highest seq. Running it again with the same arguments changes only the TTL.
 */
const APPEND = `
local at = 3
for _, key in ipairs(KEYS) do
  local n = tonumber(ARGV[at])
  redis.call('ZADD', key, unpack(ARGV, at + 1, at + n))
  redis.call('ZREMRANGEBYRANK', key, 0, -1 - ARGV[1])
  redis.call('EXPIRE', key, ARGV[2])
  at = at + n + 1
end`;

/**
 * The recent-message cache: for each conversation a sorted set of messages as JSON, by seq. A lost write leaves a hole,
 * which `range` detects because seq has no gaps. The messages of a conversation are dropped when one of them changes; a
 * restore of the database needs `clear`.
 */
export function createRecentMessages(client: RedisClient): RecentMessages & NewestMessages & ClearableMessages {
  return {
    async append(messages) {
      if (messages.length === 0) return;
      const byKey = Map.groupBy(messages, (message) => keyOf(message.conversationId));
      const shares = [...byKey.values()].map((all) => all.slice(-KEPT));
      await withDeadline(
        client.eval(APPEND, {
          keys: [...byKey.keys()],
          arguments: [
            String(KEPT),
            String(TTL_SECONDS),
            ...shares.flatMap((share) => [
              String(2 * share.length),
              ...share.flatMap((message) => [String(message.seq), JSON.stringify(message)]),
            ]),
          ],
        }),
        DEADLINE_MS,
        'cache append',
      );
    },
    async drop(ids) {
      if (ids.length === 0) return;
      await withDeadline(client.unlink(ids.map(keyOf)), DEADLINE_MS, 'cache drop');
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
    async clear() {
      for await (const keys of client.scanIterator({ MATCH: keyOf('*'), COUNT: 1_000 })) {
        if (keys.length > 0) await client.unlink(keys);
      }
    },
  };
}

function keyOf(id: ConversationId | '*'): string {
  return `${CLUSTER_NAME}:recent:${id}`;
}
