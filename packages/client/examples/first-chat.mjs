import { createChatClient } from '@chat-cluster/client';

const chat = createChatClient({
  url: process.env.URL ?? 'http://127.0.0.1:3000',
  getToken: () => process.env.TOKEN ?? null, // in an application: a request to your own server
});
chat.on('status', ({ state }) => console.log('status:', state));
chat.on('badge', (count) => console.log('unread:', count));
chat.on('message', ({ senderId, content, seq }) => console.log(`#${seq} ${senderId}: ${content}`));
chat.on('error', ({ code, message }) => console.error(code, message));
chat.connect();

const bob = await chat.direct('bob'); // opened or found
const sent = bob.send('Hello!'); // returns at once, also without a connection
console.log('shown:', bob.messages.get().messages.at(-1)?.status);
const { seq } = await sent.stored; // after lost connections, refusals and reloads too
console.log('stored as', seq);
await chat.close();
