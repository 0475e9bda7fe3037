import { crc32 } from 'node:zlib';
import type { ConversationId, UserId } from '@chat-cluster/contracts';
import type { RedisClient } from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';

/**
 * Lanes are the partitions of the inbox. A conversation always has the same lane, a lane is one stream in Redis, and in
 * the whole cluster one worker at a time has it: that gives order without locks.
 *
 * The number of lanes, and the servers that have them, are configuration. Changing either moves conversations to other lanes, so let the lanes drain first
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

/** How lanes are spread, as one of the servers that have them remembers it. */
export interface LaneLayout {
  lanes: number;
  /** Of this server among `servers`, from 0. */
  index: number;
  servers: number;
}

export function describeLayout({ lanes, index, servers }: LaneLayout): string {
  return servers === 1 ? String(lanes) : `${lanes}, server ${index + 1} of ${servers}`;
}

/** What the server was last used with; null for a new one. */
export function readLayout(client: RedisClient): Promise<string | null> {
  return client.get(LAYOUT_KEY);
}

/** Tells the others on this Redis how lanes are spread for this process, and logs an error when it was otherwise before. */
export async function announceLanes(client: RedisClient, layout: LaneLayout, logger: Logger): Promise<void> {
  const here = describeLayout(layout);
  const before = await client.set(LAYOUT_KEY, here, { GET: true });
  if (before === null || before === here) return;
  logger.error(
    { here, before },
    'LANES or REDIS_QUEUE_URLS differ from what this Redis was last used with: messages of lanes that no worker has will time out',
  );
}

const LAYOUT_KEY = `${QUEUE_PREFIX}:lanes`;
