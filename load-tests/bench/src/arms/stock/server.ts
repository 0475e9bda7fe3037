import { createServer } from 'node:http';
import { createAdapter, type createShardedAdapter } from '@socket.io/redis-adapter';
import jwt from 'jsonwebtoken';
import { createClient } from 'redis';
import { Server, type Socket } from 'socket.io';

/** The payload of `send_message`. */
export interface Draft {
  conversationId: string;
  content: string;
  clientMessageId: string;
}

export type Sent = Draft & { senderId: string };

/**
 * The gateway of all arms that are not this repository: Socket.IO with a Redis adapter (default: the classic one), a
 * token checked once in a middleware, one room per user, no compression, websockets only. Reads REDIS_URL and
 * JWT_SECRET.
 */
export async function stockServer(makeAdapter: typeof createAdapter | typeof createShardedAdapter = createAdapter) {
  const publisher = createClient({ url: process.env.REDIS_URL ?? '' });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  const http = createServer();
  const adapter = makeAdapter(publisher, subscriber);
  const io = new Server(http, { adapter, perMessageDeflate: false, transports: ['websocket'], serveClient: false });
  const secret = process.env.JWT_SECRET ?? '';
  io.use((socket, next) => {
    try {
      socket.data.user = jwt.verify(socket.handshake.auth.token, secret, { algorithms: ['HS256'] }).sub;
      next();
    } catch {
      next(new Error('unauthorized'));
    }
  });
  io.on('connection', (socket) => socket.join(userOf(socket)));
  process.on('SIGTERM', () => process.exit());
  return {
    io,
    /** Acknowledges a `send_message` once `handle` has resolved, with its result. */
    onMessage(handle: (sent: Sent) => Promise<unknown>) {
      io.on('connection', (socket) => {
        socket.on('send_message', (draft: Draft, ack?: (answer: unknown) => void) =>
          handle({ ...draft, senderId: userOf(socket) }).then(
            (message) => ack?.({ ok: true, message }),
            () => ack?.({ ok: false }),
          ),
        );
      });
    },
    /** Starts listening and sends the port to the parent process. Call it last. */
    listen() {
      http.listen(0, '127.0.0.1', () => {
        const address = http.address();
        process.send?.({ type: 'ready', port: typeof address === 'object' && address ? address.port : 0 });
      });
    },
  };
}

export function userOf(socket: Socket): string {
  return socket.data.user;
}
