/*
 * What one writes with Socket.IO's documentation at hand: the sharded Redis adapter, a token checked in a middleware, a
 * room per user, everything else as it comes. REDIS_URL, JWT_SECRET; its port goes to the parent as a gateway's does.
 */
import { createServer } from 'node:http';
import { createShardedAdapter } from '@socket.io/redis-adapter';
import jwt from 'jsonwebtoken';
import { createClient } from 'redis';
import { Server } from 'socket.io';

const secret = process.env.JWT_SECRET ?? '';
const pub = createClient({ url: process.env.REDIS_URL ?? '' });
const sub = pub.duplicate();
await Promise.all([pub.connect(), sub.connect()]);

const http = createServer();
const io = new Server(http, { adapter: createShardedAdapter(pub, sub) });
io.use((socket, next) => {
  try {
    socket.data.user = jwt.verify(socket.handshake.auth.token, secret);
    next();
  } catch {
    next(new Error('unauthorized'));
  }
});
io.on('connection', (socket) => {
  socket.join(socket.data.user.sub);
  socket.on('send_message', (_message, ack) => ack?.({ ok: true }));
  socket.on('read_messages', (_message, ack) => ack?.({ ok: true }));
  socket.on('sync', (_message, ack) => ack?.({ ok: true }));
});
http.listen(0, '127.0.0.1', () => {
  const address = http.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  process.send?.({ type: 'ready', port });
});
process.on('SIGTERM', () => process.exit());
