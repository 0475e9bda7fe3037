import { io } from 'socket.io-client';

const api = process.env.URL ?? 'http://127.0.0.1:3000';
const token = process.env.TOKEN; // TOKEN=$(npm run --silent token -- --user alice)

const response = await fetch(`${api}/api/conversations`, {
  method: 'POST',
  headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  body: JSON.stringify({ participantId: 'bob' }),
});
const { id: conversationId } = await response.json();

const socket = io(api, { auth: { token } });
socket.on('unread_count', ({ count }) => console.log('unread:', count));
socket.on('new_message', (message) => console.log('new_message:', message));
socket.emit('send_message', { conversationId, content: 'Hello!' });

// Optional: an ack after the commit, and a client message id, which makes resends safe.
const message = { conversationId, content: 'Hello again!', clientMessageId: crypto.randomUUID() };
const ack = await socket.timeout(10_000).emitWithAck('send_message', message);
console.log('ack:', ack);
