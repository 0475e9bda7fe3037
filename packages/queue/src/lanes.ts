import { crc32 } from 'node:zlib';
import type { ConversationId, UserId } from '@chat-cluster/contracts';
import { CLUSTER_NAME, type RedisClient } from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';

/**
 * The number of the lane of a conversation (or, for recounts, of a user). It is the same in every process and version
 * and on every machine.
 *
 * Lanes are the partitions of the inbox. A conversation always has the same lane, a lane is one stream in Redis, and
 * one worker of the whole cluster holds it at a time: that gives order without locks.
 *
 * The number of lanes and the servers that have them are configuration. A change of either moves conversations to
 * other lanes, so drain the lanes first (stop the gateways, wait until the lanes are empty): otherwise an old and a
 * new lane may process the same conversation at the same time.
 */
export function laneNumberOf(id: ConversationId | UserId, lanes: number): number {
  return crc32(id) % lanes;
}

/** The name of an inbox lane. In this package `lane` is always such a name, and `laneNumber` the number. */
export function inboxLane(laneNumber: number): string {
  return `inbox-${laneNumber}`;
}

export function recountLane(laneNumber: number): string {
  return `recount-${laneNumber}`;
}

/** A Redis server that holds streams of lanes. */
export interface LaneServer {
  client: RedisClient;
}

/** The server of a lane: lane i is on server i modulo their number. */
export function serverOf<Server extends LaneServer>(laneNumber: number, servers: readonly Server[]): Server {
  const server = servers[laneNumber % servers.length];
  if (!server) throw new Error('lanes need a server');
  return server;
}

/** How lanes are spread over servers. Each server stores the layout and its own position. */
export interface LaneLayout {
  lanes: number;
  /** Position of this server among all `servers`, from 0. */
  index: number;
  servers: number;
}

export function describeLayout({ lanes, index, servers }: LaneLayout): string {
  return servers === 1 ? String(lanes) : `${lanes}, server ${index + 1} of ${servers}`;
}

/** The layout that was last announced on this server; null for a new server. */
export function readLayout(client: RedisClient): Promise<string | null> {
  return client.get(LAYOUT_KEY);
}

/** Stores the layout of this process on the server, and logs an error if another layout was stored there before. */
export async function announceLanes(client: RedisClient, layout: LaneLayout, logger: Logger): Promise<void> {
  const here = describeLayout(layout);
  const before = await client.set(LAYOUT_KEY, here, { GET: true });
  if (before === null || before === here) return;
  logger.error(
    { here, before },
    'LANES or REDIS_QUEUE_URLS differ from the last use of this Redis: messages in lanes without a worker time out',
  );
}

const LAYOUT_KEY = `${CLUSTER_NAME}:lanes`;
