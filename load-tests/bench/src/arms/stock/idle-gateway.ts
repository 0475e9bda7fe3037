/*
 * The gateway of the experiment `idle`: the sharded Redis adapter, and handlers that only acknowledge. A socket is in
 * GROUPS rooms beside that of its user, which it shares with GROUP_SIZE users of successive numbers.
 */
import { createShardedAdapter } from '@socket.io/redis-adapter';
import { stockServer, userOf } from './server.ts';

const [groups, size] = [Number(process.env.GROUPS), Number(process.env.GROUP_SIZE)];
const { io, listen } = await stockServer(createShardedAdapter);
io.on('connection', (socket) => {
  const block = Math.floor(Number(/\d+$/.exec(userOf(socket))?.[0]) / size);
  for (let group = 0; group < groups; group++) socket.join(`group-${block}-${group}`);
  for (const event of ['send_message', 'read_messages', 'sync'])
    socket.on(event, (_payload, ack) => ack?.({ ok: true }));
});
listen();
