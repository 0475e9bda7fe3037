import { expect } from 'chai';
import { act } from 'react';
import { type FullConversation, groups } from '../../src/groups/index.ts';
import { createChatClient } from '../../src/index.ts';
import { useConversationInfo, useMembers } from '../../src/react/index.ts';
import { createFakeCluster } from '../../src/testing/index.ts';
import { renderHook, shows, withDocument } from './render-hook.ts';

describe('the React hooks for groups', () => {
  withDocument();

  it('show the members and the title of a group, and follow their changes', async () => {
    const cluster = createFakeCluster({ time: 'platform' });
    const chat = createChatClient({ ...cluster.optionsOf('alice'), extension: groups });
    const hook = await renderHook(chat, useGroup, undefined as FullConversation | undefined);
    expect(hook.current()).to.deep.equal({ users: [], title: undefined });
    await act(async () => chat.connect());
    await act(() => chat.settled());
    const group = await chat.groups.create({ title: 'Lunch', userIds: ['bob'] });
    await hook.rerender(group);
    await shows(() => expect(hook.current()).to.deep.equal({ users: ['alice', 'bob'], title: 'Lunch' }));
    await act(async () => void (await group.add(['carol'])));
    await act(async () => void (await group.rename('Dinner')));
    await shows(() => expect(hook.current()).to.deep.equal({ users: ['alice', 'bob', 'carol'], title: 'Dinner' }));
    await hook.unmount();
    await chat.close();
    cluster.close();
  });
});

function useGroup(group: FullConversation | undefined) {
  const { members } = useMembers(group);
  return { users: members.map(({ userId }) => userId).sort(), title: useConversationInfo(group)?.group?.title };
}
