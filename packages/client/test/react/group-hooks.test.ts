import { expect } from 'chai';
import { act } from 'react';
import { type FullConversation, type GroupChatClient, groups } from '../../src/groups/index.ts';
import { createChatClient } from '../../src/index.ts';
import { useBlocks, useConversationInfo, useCounts, useMembers } from '../../src/react/index.ts';
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

  it('show the counts and the blocked users, and follow the changes of another device', async () => {
    const cluster = createFakeCluster({ time: 'platform' });
    const [chat, elsewhere, bob] = ['alice', 'alice', 'bob'].map((user) =>
      createChatClient({ ...cluster.optionsOf(user), extension: groups }),
    ) as [GroupChatClient, GroupChatClient, GroupChatClient];
    const hook = await renderHook(chat, useCountsAndBlocks, undefined);
    expect(hook.current()).to.deep.equal({ mentionCount: 0, blocked: undefined });
    for (const client of [chat, elsewhere, bob]) await act(async () => client.connect());
    await act(async () => void (await Promise.all([chat, elsewhere, bob].map((client) => client.settled()))));
    await shows(() => expect(hook.current()).to.deep.equal({ mentionCount: 0, blocked: [] }));
    const group = await bob.groups.create({ title: 'Lunch', userIds: ['alice'] });
    await act(async () => void (await group.send({ content: '@alice', mentions: ['alice'] }).stored));
    await act(() => elsewhere.blocks.block('bob'));
    await shows(() => expect(hook.current()).to.deep.equal({ mentionCount: 1, blocked: ['bob'] }));
    await act(() => elsewhere.blocks.unblock('bob'));
    await shows(() => expect(hook.current()).to.deep.equal({ mentionCount: 1, blocked: [] }));
    await hook.unmount();
    for (const client of [chat, elsewhere, bob]) await client.close();
    cluster.close();
  });
});

function useCountsAndBlocks() {
  return { mentionCount: useCounts().mentionCount, blocked: useBlocks() };
}

function useGroup(group: FullConversation | undefined) {
  const { members } = useMembers(group);
  return { users: members.map(({ userId }) => userId).sort(), title: useConversationInfo(group)?.group?.title };
}
