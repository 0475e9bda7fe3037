import type { ClientToServerEvents, ServerToClientEvents, UserId } from '@chat-cluster/contracts';
import type { DefaultEventsMap, Server, Socket } from 'socket.io';
import type { Identity } from '../authenticate.ts';
import type { RateLimit, TokenBucket } from '../token-bucket.ts';

/** The Socket.IO server of a gateway, typed with the events of the contracts. */
export type ChatServer = Server<ClientToServerEvents, ServerToClientEvents, DefaultEventsMap, SocketData>;

/** One authenticated connection. */
export type ChatSocket = Socket<ClientToServerEvents, ServerToClientEvents, DefaultEventsMap, SocketData>;

/** State that the gateway stores with each socket. */
export interface SocketData extends Identity {
  /** 2: the client supports the events of protocol 2 (`auth.protocol`). */
  protocol: number;
  /** True once `token_expiring` was emitted for the current token. */
  expiryAnnounced?: boolean;
  /** True once `session_ended` was emitted. */
  ended?: boolean;
  /** When it connected, in whole seconds since the start of the process: a small integer takes no memory of its own. */
  sinceSeconds: number;
  /** Number of received events whose ack is not sent yet. */
  underWay: number;
  /** Rate limit of received packets (transport/packet-guard.ts). */
  packets: RateLimit;
  /** Limits of the user, shared by all sockets of the user (connect/user-limits.ts). */
  user: UserLimits;
  /** The users that `watch_presence` watches, and the rate limit of further ones. Absent before the first one. */
  watching?: { users: Set<UserId>; limit: TokenBucket };
}

/** What one user costs a process, over all sockets. */
export interface UserLimits {
  sockets: number;
  connects: TokenBucket;
  events: RateLimit;
  /** Users that the sockets watch, counted once per socket. */
  watches: number;
}
