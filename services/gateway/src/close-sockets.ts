import type { Server } from 'node:http';
import type { RequestsUnderWay } from './http/middleware.ts';
import type { ChatServer } from './socket/chat-socket.ts';
import { abortConnection, connectionsOf } from './socket/engine-io.ts';
import { waitUntil } from './wait-until.ts';

/** How long REST requests may take to finish, in ms. */
const FINISH_MS = 3_000;
/** How long clients may take to answer the close frame, in ms. */
const CLOSE_MS = 500;

/**
 * Closes everything that the drain has left: no new connections, requests under way get their answers, and a connection
 * whose client does not answer its close frame is reset. ws would wait for it for 30 s.
 */
export async function closeSockets(io: ChatServer, http: Server, requests: RequestsUnderWay): Promise<void> {
  http.close();
  await waitUntil(() => requests.count() === 0, FINISH_MS);
  await waitUntil(() => connectionsOf(io).length === 0, CLOSE_MS);
  for (const connection of connectionsOf(io)) abortConnection(connection, 'forced close');
  await io.close();
}
