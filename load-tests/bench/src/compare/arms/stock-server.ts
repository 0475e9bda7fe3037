import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import jwt from 'jsonwebtoken';
import { createClient } from 'redis';
import { Server, type Socket } from 'socket.io';

export interface Draft {
  conversationId: string;
  content: string;
  clientMessageId: string;
}

export interface StockServer {
  io: Server;
  /** Tells the parent the port: call it last. */
  listen(): void;
}

/**
 * The gateway of all arms that are not ours: Socket.IO with its Redis adapter, a token checked once in a middleware, a
 * room per user, no compression, websockets only. REDIS_URL, JWT_SECRET; its port goes to the parent as a gateway's does.
 */
export async function stockServer(): Promise<StockServer> {
  const pub = createClient({ url: process.env.REDIS_URL ?? '' });
  const sub = pub.duplicate();
  await Promise.all([pub.connect(), sub.connect()]);
  const http = createServer();
  const io = new Server(http, {
    adapter: createAdapter(pub, sub),
    perMessageDeflate: false,
    transports: ['websocket'],
    serveClient: false,
  });
  const secret = process.env.JWT_SECRET ?? '';
  io.use((socket, next) => {
    try {
      const { sub: user } = jwt.verify(socket.handshake.auth.token, secret, { algorithms: ['HS256'] });
      socket.data.user = user;
      next();
    } catch {
      next(new Error('unauthorized'));
    }
  });
  io.on('connection', (socket) => socket.join(userOf(socket)));
  process.on('SIGTERM', () => process.exit());
  return {
    io,
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
