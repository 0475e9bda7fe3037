/*
 * The gateway of the experiment `idle`: the sharded Redis adapter, and handlers that only acknowledge.
 */
import { createShardedAdapter } from '@socket.io/redis-adapter';
import { stockServer } from './server.ts';

const { io, listen } = await stockServer(createShardedAdapter);
io.on('connection', (socket) => {
  for (const event of ['send_message', 'read_messages', 'sync'])
    socket.on(event, (_payload, ack) => ack?.({ ok: true }));
});
listen();
