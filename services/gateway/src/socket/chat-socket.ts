import type { ClientToServerEvents, ServerToClientEvents } from '@chat-cluster/contracts';
import type { DefaultEventsMap, Server, Socket } from 'socket.io';
import type { Identity } from '../authenticate.ts';

/** The Socket.IO server of a gateway, typed with the events of the contracts. */
export type ChatServer = Server<ClientToServerEvents, ServerToClientEvents, DefaultEventsMap, SocketData>;

/** One authenticated connection. */
export type ChatSocket = Socket<ClientToServerEvents, ServerToClientEvents, DefaultEventsMap, SocketData>;

/** What the gateway stores with each socket. */
export interface SocketData extends Identity {
  /** Number of received events whose ack is not sent yet. */
  underWay: number;
}
