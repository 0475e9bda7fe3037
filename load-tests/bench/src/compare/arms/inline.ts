/*
 * (b) The plain design: the gateway inserts each message, counts what its receiver has not read, then tells both sides.
 * Acknowledged once stored.
 */
import { type Draft, stockServer, userOf } from './stock-server.ts';
import { stockStore } from './stock-store.ts';

const { io, listen } = await stockServer();
const store = stockStore(10);
io.on('connection', (socket) => {
  socket.on('send_message', async (draft: Draft, ack?: (answer: unknown) => void) => {
    try {
      const { message, receiverId, unread } = await store({ ...draft, senderId: userOf(socket) });
      io.to([message.senderId, receiverId]).emit('new_message', message);
      io.to(receiverId).emit('unread_count', { count: unread });
      ack?.({ ok: true, message });
    } catch {
      ack?.({ ok: false });
    }
  });
});
listen();
