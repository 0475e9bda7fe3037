import { crc32 } from 'node:zlib';
import type { ConversationId, UserId } from '@chat-cluster/contracts';
import type { RedisClient } from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';

/**
 * Lanes are the partitions of the inbox. A conversation always has the same lane, a lane is one BullMQ queue, and in
 * the whole cluster at most one job of a lane runs at a time: that gives order without locks.
 *
 * The number of lanes is configuration. Changing it moves conversations to other lanes, so let the queues drain first
 * (stop the gateways, wait until the lanes are empty): otherwise an old and a new lane may run the same conversation.
 */
export const QUEUE_PREFIX = 'chat';

export function inboxQueue(lane: number): string {
  return `inbox-${lane}`;
}

export function recountQueue(lane: number): string {
  return `recount-${lane}`;
}

/** The lane of a conversation (or, for recounts, of a user): stable over processes, versions and machines. */
export function laneOf(id: ConversationId | UserId, lanes: number): number {
  return crc32(id) % lanes;
}

/** Tells the others on this Redis how many lanes this process has, and logs an error when they had another number. */
export async function announceLanes(client: RedisClient, lanes: number, logger: Logger): Promise<void> {
  const before = await client.set(`${QUEUE_PREFIX}:lanes`, String(lanes), { GET: true });
  if (before === null || before === String(lanes)) return;
  logger.error(
    { here: lanes, before: Number(before) },
    'LANES differs from what this Redis was last used with: messages of lanes that no worker has will time out',
  );
}
