/*
 * The relays of the experiment `groups`: all users are in one room, and each message is one emit to it. They store and
 * acknowledge nothing. REDIS_ADAPTER: `classic` or `sharded`.
 */
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { type Draft, stockServer, userOf } from './server.ts';

const { io, listen } = await stockServer(
  process.env.REDIS_ADAPTER === 'sharded' ? createShardedAdapter : createAdapter,
);
io.on('connection', (socket) => {
  socket.join('group');
  socket.on('send_message', ({ conversationId, content, clientMessageId }: Draft) => {
    const message = { conversationId, senderId: userOf(socket), content, clientMessageId, createdAt: new Date() };
    io.to('group').emit('new_message', message);
  });
});
listen();
