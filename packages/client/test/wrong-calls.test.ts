import { attachment } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { createChatClient } from '../src/index.ts';
import type { ChatClientOptions } from '../src/types.ts';
import { setUp } from './connected-client.ts';
import { conversationId } from './hand-made-server.ts';

const ID = conversationId(1);

describe('wrong options and calls', () => {
  const right: ChatClientOptions = { url: 'https://chat.example.com', getToken: () => 'token' };
  const wrong: [string, object, RegExp][] = [
    ['no url', { url: undefined }, /url: pass an origin/],
    ['a path', { url: 'https://chat.example.com/chat' }, /url: pass an origin/],
    ['another protocol', { url: 'wss://chat.example.com' }, /url: pass an origin/],
    ['no getToken', { getToken: 'token' }, /getToken: pass a function/],
    ['a store that is none', { store: {} }, /store: pass a ChatStore/],
    ['a small window', { windowSize: 10 }, /windowSize: pass a number of at least 100/],
    ['a NaN', { maxBacklog: Number.NaN }, /maxBacklog/],
  ];
  for (const [name, options, text] of wrong) {
    it(`are refused with a sentence: ${name}`, () => {
      expect(() => createChatClient({ ...right, ...options })).to.throw(TypeError, text);
    });
  }

  it('are refused with a sentence: drafts', async () => {
    const { client } = setUp();
    const conversation = client.conversation(ID);
    const url = 'https://files.example.com/cat.png';
    for (const draft of ['', ' \n', 'x'.repeat(10_001), '\u0000', '\ud800', {}, { content: 1 }]) {
      expect(() => conversation.send(draft as string), JSON.stringify(draft)).to.throw(TypeError);
    }
    for (const attachments of [
      [{ url: 'http://a.b', type: 'IMAGE' }],
      [{ url, type: 'GIF' }],
      Array(11).fill({ url, type: 'PDF' }),
    ]) {
      expect(() => conversation.send({ attachments } as never)).to.throw(TypeError);
    }
    expect(() => conversation.send({ content: 'x', clientMessageId: '\n' })).to.throw(TypeError);
    expect(conversation.send({ attachments: [attachment.parse({ url, type: 'PDF' })] }).status).to.equal('queued');
    expect(() => client.conversation('bob')).to.throw(TypeError, /UUID/);
    expect(() => client.watch(Array.from({ length: 201 }, (_, i) => `u${i}`))).to.throw(RangeError, /at most 200/);
    expect(() => conversation.discard('unknown')).to.throw(/outbox has no message/);
    await client.close();
  });

  it('are refused after close', async () => {
    const { client } = setUp();
    const conversation = client.conversation(ID);
    await client.close();
    await client.close();
    for (const call of [
      () => client.connect(),
      () => conversation.send('late'),
      () => client.conversation(ID),
      () => client.watch(['bob']),
    ]) {
      expect(call).to.throw('This client is closed. Create another one.');
    }
    for (const rejected of [client.direct('bob'), client.settled()]) {
      expect(await rejected.catch((error: Error) => error.message)).to.contain('closed');
    }
  });
});
