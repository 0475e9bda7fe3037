import { expect } from 'chai';
import { act } from 'react';
import { createChatClient } from '../../src/index.ts';
import {
  useBadge,
  useChatStatus,
  useConversation,
  useConversations,
  useMessages,
  usePresence,
  useTyping,
} from '../../src/react/index.ts';
import { createFakeCluster } from '../../src/testing/index.ts';
import { renderHook, shows, withDocument } from './render-hook.ts';

describe('the React hooks on a client and a cluster in memory', () => {
  withDocument();

  it('show a conversation: messages, badge, presence, typing, and what is sent', async () => {
    const { cluster, chat } = started();
    cluster.send({ from: 'bob', to: 'alice', content: 'Hi Alice!' });
    const bob = createChatClient(cluster.optionsOf('bob'));
    const hook = await renderHook(chat, usePage, 'bob');
    await act(async () => {
      chat.connect();
      bob.connect();
    });
    await shows(() => {
      expect(texts(hook.current())).to.deep.equal(['Hi Alice!']);
      expect(hook.current()).to.deep.include({ state: 'live', badge: 1, online: true });
    });
    await bob.settled();
    const alice = await bob.direct('alice');
    alice.typing(true);
    await shows(() => expect(hook.current().typing).to.deep.equal(['bob']));
    alice.send('Are you there?');
    await shows(() => {
      expect(hook.current().typing).to.deep.equal([]);
      expect(hook.current().badge).to.equal(2);
    });
    await act(async () => hook.current().conversation?.send('Yes'));
    await shows(() => expect(texts(hook.current())).to.deep.equal(['Hi Alice!', 'Are you there?', 'Yes']));
    expect(hook.current().lastOfList).to.equal('Yes');
    await hook.unmount();
    await Promise.all([chat.close(), bob.close()]);
    cluster.close();
  });

  it('render a closed client without an error', async () => {
    const { cluster, chat } = started();
    const { id } = cluster.open('alice', 'bob');
    await chat.close();
    const page = await renderHook(chat, usePage, 'bob');
    expect(page.current()).to.deep.include({ state: 'closed', online: false });
    const byId = await renderHook(chat, useConversation, id);
    expect(byId.current().conversation).to.equal(undefined);
    await page.unmount();
    await byId.unmount();
    cluster.close();
  });
});

function usePage(userId: string) {
  const { conversation, error } = useConversation({ userId });
  return {
    conversation,
    error,
    messages: useMessages(conversation).messages,
    badge: useBadge(),
    state: useChatStatus().state,
    online: usePresence([userId])[userId]?.online ?? false,
    typing: useTyping(conversation),
    lastOfList: useConversations()[0]?.lastMessage?.content,
  };
}

function started() {
  const cluster = createFakeCluster({ time: 'platform' });
  return { cluster, chat: createChatClient(cluster.optionsOf('alice')) };
}

function texts({ messages }: ReturnType<typeof usePage>): (string | null)[] {
  return messages.map(({ content }) => content);
}
