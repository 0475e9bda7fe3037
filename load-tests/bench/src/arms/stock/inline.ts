/*
 * The gateway of the arm `inline`, the plain design: it inserts each message, counts the receiver's unread messages,
 * then emits to both sides. It acknowledges a message once it is stored.
 */
import { stockServer } from './server.ts';
import { stockStore } from './store.ts';

const { io, onMessage, listen } = await stockServer();
const store = stockStore(10);
onMessage(async (sent) => {
  const { message, receiverId, unread } = await store(sent);
  io.to([message.senderId, receiverId]).emit('new_message', message);
  io.to(receiverId).emit('unread_count', { count: unread });
  return message;
});
listen();
