import { mock } from 'node:test';
import type { ConversationId, Message, UserId } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { act } from 'react';
import { useTyping } from '../../src/react/index.ts';
import { handMadeClient } from './hand-made-client.ts';
import { renderHook, withDocument } from './render-hook.ts';

describe('useTyping', () => {
  withDocument();
  afterEach(() => mock.timers.reset());

  it('shows a user for 5 s after the last signal', async () => {
    const { hook, signal } = await started();
    await signal('bob', true);
    expect(hook.current()).to.deep.equal(['bob']);
    mock.timers.tick(4_000);
    await signal('bob', true);
    await act(async () => mock.timers.tick(4_999));
    expect(hook.current()).to.deep.equal(['bob']);
    await act(async () => mock.timers.tick(1));
    expect(hook.current()).to.deep.equal([]);
    await hook.unmount();
  });

  it('hides a user after `false` and after a message of that user', async () => {
    const { made, hook, signal } = await started();
    await signal('bob', true);
    await signal('carol', true);
    await signal('bob', false);
    expect(hook.current()).to.deep.equal(['carol']);
    const message = { conversationId: 'c', senderId: 'carol' } as Message;
    await act(async () => made.emit('message', message));
    expect(hook.current()).to.deep.equal([]);
    await hook.unmount();
  });

  it('ignores other conversations, and forgets the users of the previous one', async () => {
    const { made, hook, signal } = await started();
    await signal('bob', true, 'other');
    expect(hook.current()).to.deep.equal([]);
    await signal('bob', true);
    await hook.rerender(made.conversation('other'));
    expect(hook.current()).to.deep.equal([]);
    await hook.rerender(made.conversation('c'));
    expect(hook.current()).to.deep.equal([]);
    await hook.unmount();
  });
});

async function started() {
  const made = handMadeClient();
  const hook = await renderHook(made.client, useTyping, made.conversation('c'));
  mock.timers.enable({ apis: ['setTimeout'] });
  const signal = (userId: string, typing: boolean, id = 'c') =>
    act(async () => made.emit('typing', { conversationId: id as ConversationId, userId: userId as UserId, typing }));
  return { made, hook, signal };
}
