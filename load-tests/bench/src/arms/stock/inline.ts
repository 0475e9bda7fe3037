/*
 * The gateway of the arm `inline`, the plain design: it inserts each message, counts the receiver's unread messages,
 * then emits to both sides. It acknowledges a message once it is stored.
 */
import { type Draft, stockServer, userOf } from './server.ts';
import { stockStore } from './store.ts';

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
