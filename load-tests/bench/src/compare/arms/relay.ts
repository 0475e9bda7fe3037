/*
 * (a) What delivers fastest, since it keeps nothing: Socket.IO and its Redis adapter. The id of a conversation is that of
 * its two users, `<user>~<user>`. Nothing is acknowledged.
 */
import { type Draft, stockServer, userOf } from './stock-server.ts';

const { io, listen } = await stockServer();
io.on('connection', (socket) => {
  socket.on('send_message', ({ conversationId, content, clientMessageId }: Draft) => {
    const senderId = userOf(socket);
    const users = conversationId.split('~');
    if (!users.includes(senderId)) return;
    const message = { conversationId, senderId, content, clientMessageId, createdAt: new Date() };
    for (const user of users) io.to(user).emit('new_message', message);
  });
});
listen();
