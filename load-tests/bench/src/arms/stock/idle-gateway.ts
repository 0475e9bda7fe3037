/*
 * The gateway of the experiment `idle`: the sharded Redis adapter, and handlers that only acknowledge.
 */
import { createShardedAdapter } from '@socket.io/redis-adapter';
import { stockServer } from './server.ts';

const { io, listen } = await stockServer(createShardedAdapter);
io.on('connection', (socket) => {
  socket.on('send_message', (_payload, ack) => ack?.({ ok: true }));
  socket.on('read_messages', (_payload, ack) => ack?.({ ok: true }));
  socket.on('sync', (_payload, ack) => ack?.({ ok: true }));
});
listen();
