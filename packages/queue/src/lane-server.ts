import type { RedisClient } from '@chat-cluster/redis';

/** A Redis that has lanes. */
export interface LaneServer {
  client: RedisClient;
}

/** Lanes are spread over the servers in turn. */
export function serverOf<Server extends LaneServer>(lane: number, servers: readonly Server[]): Server {
  const server = servers[lane % servers.length];
  if (!server) throw new Error('lanes need a server');
  return server;
}
