import type { UserId } from '@chat-cluster/contracts';
import { type RedisClient, replyToRequest, type UserRequest } from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';
import type { ChatServer, ChatSocket } from './chat-socket.ts';
import { closeSocket } from './close-socket.ts';

/** Connections of a user that are listed; a user has up to MAX_CONNECTIONS_PER_USER in a process. */
const MAX_LISTED = 200;

export interface UserRequestDeps {
  io: ChatServer;
  gatewayId: string;
  cache: RedisClient;
  /** Calls its listener with the requests that reach this gateway. */
  onUserRequest(listener: (userId: UserId, request: UserRequest) => void): void;
  logger: Logger;
}

/** Responds to operators who look up the connections of a user, or close them (packages/redis, user-requests.ts). */
export function respondToUserRequests({ io, gatewayId, cache, onUserRequest, logger }: UserRequestDeps): void {
  const socketsOf = (userId: UserId): ChatSocket[] => {
    const { adapter, sockets } = io.of('/');
    return [...(adapter.rooms.get(userId) ?? [])].flatMap((id) => sockets.get(id) ?? []);
  };
  onUserRequest(async (userId, { id, act }) => {
    try {
      const sockets = socketsOf(userId);
      const result = act === 'list' ? listOf(sockets) : { closed: await closeAll(sockets) };
      await replyToRequest(cache, id, { gateway: gatewayId, ...result });
    } catch (error) {
      logger.warn({ act, reason: String(error) }, 'user request: no reply was sent; check the cache Redis');
    }
  });
}

function listOf(sockets: readonly ChatSocket[]) {
  const connections = sockets.slice(0, MAX_LISTED).map((socket) => ({
    connectionId: socket.id,
    since: Math.round(performance.timeOrigin) + socket.data.sinceSeconds * 1_000,
    transport: socket.conn.transport.name,
  }));
  return { connections, more: sockets.length - connections.length };
}

/** As in a drain: the acks of events under way are sent first, and stock clients reconnect. */
async function closeAll(sockets: readonly ChatSocket[]): Promise<number> {
  const closed = await Promise.all(sockets.map(closeSocket));
  return closed.filter(Boolean).length;
}
