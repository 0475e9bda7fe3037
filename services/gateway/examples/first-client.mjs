import { io } from 'socket.io-client';

const TOKEN = process.env.TOKEN; // npm run --silent token -- --user alice
const api = process.env.URL ?? 'http://127.0.0.1:3000';

const { id: conversationId } = await (
  await fetch(`${api}/api/conversations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ participantId: 'bob' }),
  })
).json();

const socket = io(api, { auth: { token: TOKEN } });
socket.on('unread_count', ({ count }) => console.log('unread:', count));
socket.on('new_message', (message) => console.log('new_message:', message));
socket.emit('send_message', { conversationId, content: 'Hello!' });

// Optional: an ack after commit, and safe resends.
const ack = await socket.timeout(5_000).emitWithAck('send_message', {
  conversationId,
  content: 'Hello again!',
  clientMessageId: crypto.randomUUID(),
});

// The lines above are the ones in README.md, "Your own client", with TOKEN and URL from the environment.
console.log('ack:', ack);
