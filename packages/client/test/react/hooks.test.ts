import type { ConversationId, UserId } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { act, createElement, type ReactNode } from 'react';
import { renderToString } from 'react-dom/server';
import {
  ChatProvider,
  useBadge,
  useChatClient,
  useChatStatus,
  useConversation,
  useConversations,
  useMessages,
  useOutbox,
  usePresence,
  useTyping,
} from '../../src/react/index.ts';
import { handMadeClient } from './hand-made-client.ts';
import { renderHook, withDocument } from './render-hook.ts';

describe('the React hooks', () => {
  withDocument();

  it('return the client of the provider', async () => {
    const { client } = handMadeClient();
    const hook = await renderHook(client, useChatClient, undefined);
    expect(hook.current()).to.equal(client);
    await hook.unmount();
  });

  it('throw a sentence without a provider', () => {
    expect(() => renderToString(createElement(Badge))).to.throw('Render this component inside <ChatProvider');
  });

  it('follow the status and the badge', async () => {
    const made = handMadeClient();
    const hook = await renderHook(made.client, () => [useChatStatus().state, useBadge()], undefined);
    expect(hook.current()).to.deep.equal(['idle', undefined]);
    await act(async () => {
      made.setStatus('live');
      made.setBadge(3);
    });
    expect(hook.current()).to.deep.equal(['live', 3]);
    await hook.unmount();
  });

  it('show nothing of an earlier user', async () => {
    const made = handMadeClient();
    const users = ['bob'];
    const hook = await renderHook(made.client, () => [useBadge(), usePresence(users).bob?.online], undefined);
    await act(async () => {
      made.setBadge(3);
      made.setPresence('bob', true);
    });
    expect(hook.current()).to.deep.equal([3, true]);
    await act(async () => {
      made.forgetUser();
      made.setStatus('live');
    });
    expect(hook.current()).to.deep.equal([undefined, undefined]);
    await hook.unmount();
    expect(made.subscriptions()).to.equal(0);
  });

  it('follow the conversations and the outbox', async () => {
    const made = handMadeClient();
    const hook = await renderHook(made.client, () => ({ list: useConversations(), outbox: useOutbox() }), undefined);
    const list = [{ id: 'c' }] as never;
    const outbox = [{ clientMessageId: 'm' }] as never;
    await act(async () => {
      made.list.set(list);
      made.outbox.set(outbox);
    });
    expect(hook.current().list).to.equal(list);
    expect(hook.current().outbox).to.equal(outbox);
    await hook.unmount();
  });

  it('render nothing when nothing that they show has changed', async () => {
    const made = handMadeClient();
    const hook = await renderHook(made.client, () => [useBadge(), usePresence(['bob'])], undefined);
    const before = hook.renders();
    await act(async () => {
      made.setStatus('live');
      made.setPresence('carol', true);
    });
    expect(hook.renders()).to.equal(before);
    await hook.unmount();
  });

  it('end every subscription and watch when the component is unmounted', async () => {
    const made = handMadeClient();
    const hook = await renderHook(made.client, useEverything, undefined);
    expect(made.subscriptions()).to.be.above(0);
    await hook.unmount();
    expect(made.subscriptions()).to.equal(0);
    expect(made.watched).to.deep.equal([]);
  });

  it('follow another client of the provider', async () => {
    const [first, second] = [handMadeClient(), handMadeClient()];
    second.setBadge(7);
    const hook = await renderHook(first.client, useBadge, undefined);
    await hook.rerender(undefined, second.client);
    expect(hook.current()).to.equal(7);
    expect(first.subscriptions()).to.equal(0);
    await hook.unmount();
  });

  it('render the first snapshot on a server', () => {
    const made = handMadeClient();
    made.setBadge(2);
    const html = renderToString(createElement(ChatProvider, { client: made.client }, createElement(Page)));
    expect(html).to.equal('2 idle true undefined');
    expect(made.subscriptions() + made.direct.length).to.equal(0);
  });
});

describe('useConversation', () => {
  withDocument();

  it('returns a conversation by its id in the first render', async () => {
    const made = handMadeClient();
    const hook = await renderHook(made.client, useConversation, 'c');
    expect(hook.current()).to.deep.equal({ conversation: made.conversation('c'), error: undefined });
    await hook.unmount();
  });

  it('returns the conversation with a user once it is open', async () => {
    const made = handMadeClient();
    const hook = await renderHook(made.client, useConversation, { userId: 'bob' });
    expect(hook.current()).to.deep.equal({ conversation: undefined, error: undefined });
    await act(async () => made.direct.at(-1)?.resolve('c'));
    expect(hook.current().conversation).to.equal(made.conversation('c'));
    await hook.unmount();
  });

  it('never shows the conversation with the previous user', async () => {
    const made = handMadeClient();
    const hook = await renderHook(made.client, useConversation, { userId: 'bob' });
    const bob = made.direct.at(-1);
    await hook.rerender({ userId: 'carol' });
    expect(hook.current().conversation).to.equal(undefined);
    await act(async () => made.direct.at(-1)?.resolve('with-carol'));
    await act(async () => bob?.resolve('with-bob'));
    expect(hook.current().conversation).to.equal(made.conversation('with-carol'));
    await hook.rerender({ userId: 'bob' });
    expect(hook.current().conversation).to.equal(undefined);
    await hook.unmount();
  });

  it('tries again at the next connection after a retryable error, and not after another one', async () => {
    const made = handMadeClient();
    const hook = await renderHook(made.client, useConversation, { userId: 'bob' });
    const fail = (retryable: boolean) =>
      act(async () => made.direct.at(-1)?.reject(Object.assign(new Error('No.'), { code: 'UNAVAILABLE', retryable })));
    await fail(true);
    expect(hook.current().error?.code).to.equal('UNAVAILABLE');
    const attempts = made.direct.length;
    await act(async () => made.setStatus('live'));
    expect(made.direct).to.have.lengthOf(attempts + 1);
    await fail(false);
    await act(async () => made.setStatus('live'));
    expect(made.direct).to.have.lengthOf(attempts + 1);
    await hook.unmount();
  });
});

describe('useTyping', () => {
  withDocument();

  it('shows the users who type in this conversation', async () => {
    const made = handMadeClient();
    const hook = await renderHook(made.client, useTyping, made.conversation('c'));
    const signal = (userId: string, typing: boolean, id = 'c') =>
      act(async () => made.emit('typing', { conversationId: id as ConversationId, userId: userId as UserId, typing }));
    await signal('bob', true);
    await signal('carol', true);
    await signal('dave', true, 'other');
    expect(hook.current()).to.deep.equal(['bob', 'carol']);
    await signal('bob', false);
    expect(hook.current()).to.deep.equal(['carol']);
    await hook.rerender(made.conversation('other'));
    expect(hook.current()).to.deep.equal([]);
    await hook.rerender(made.conversation('c'));
    expect(hook.current(), 'users of an earlier time').to.deep.equal([]);
    await hook.unmount();
  });
});

describe('useMessages', () => {
  withDocument();

  it('is empty without a conversation, then follows its messages', async () => {
    const made = handMadeClient();
    const conversation = made.conversation('c');
    const hook = await renderHook(made.client, useMessages, undefined as typeof conversation | undefined);
    expect(hook.current().messages).to.deep.equal([]);
    await hook.rerender(conversation);
    expect(hook.current().isLoading).to.equal(true);
    const loaded = { messages: [], holes: [{ fromSeq: 1, toSeq: 2 }], hasOlder: false, isLoading: false };
    await act(async () => conversation.messages.set(loaded));
    expect(hook.current()).to.equal(loaded);
    await hook.unmount();
  });
});

describe('usePresence', () => {
  withDocument();

  it('watches the users while mounted, once for equal lists', async () => {
    const made = handMadeClient();
    const hook = await renderHook(made.client, usePresence, ['bob', 'carol']);
    expect(made.watched).to.deep.equal(['bob', 'carol']);
    await act(async () => made.setPresence('bob', true));
    expect(hook.current()).to.deep.equal({ bob: { userId: 'bob', online: true }, carol: undefined });
    const before = hook.current();
    await hook.rerender(['bob', 'carol']);
    expect(hook.current()).to.equal(before);
    await hook.rerender(['carol']);
    expect(made.watched).to.deep.equal(['carol']);
    expect(hook.current()).to.deep.equal({ carol: undefined });
    await hook.rerender([]);
    expect(made.watched).to.deep.equal([]);
    await hook.unmount();
  });
});

function Badge(): ReactNode {
  return useBadge();
}

function Page(): ReactNode {
  const { conversation } = useConversation('c');
  const { isLoading } = useMessages(conversation);
  const { conversation: direct } = useConversation({ userId: 'bob' });
  return `${useBadge()} ${useChatStatus().state} ${isLoading} ${direct}`;
}

function useEverything() {
  const { conversation } = useConversation('c');
  return [
    useChatStatus(),
    useBadge(),
    useConversations(),
    useOutbox(),
    usePresence(['bob']),
    useMessages(conversation),
    useTyping(conversation),
    useConversation({ userId: 'bob' }),
  ];
}
