import { expect } from 'chai';
import { groups } from '../src/groups/index.ts';
import { createChatClient } from '../src/index.ts';
import { createFakeCluster, memoryStore } from '../src/testing/index.ts';

describe('a client with groups on a cluster in memory', () => {
  it('goes on after what happened while its user was no member', async () => {
    const { cluster, client, live } = setUp();
    const [alice, bob] = [client('alice'), client('bob')];
    await live();
    const ofAlice = await alice.groups.create({ title: 'Lunch', userIds: ['bob'] });
    await cluster.advance(1_000);
    const ofBob = bob.conversation(ofAlice.id);
    const delivered: unknown[] = [];
    bob.on('message', ({ content, system }) => delivered.push(content ?? system?.type));
    await ofAlice.remove('bob');
    await ofAlice.send('hidden').stored;
    await ofAlice.add(['bob']);
    await ofAlice.send('shown').stored;
    await cluster.advance(5_000);
    expect(delivered).to.deep.equal(['removed', 'added', 'shown']);
    expect(ofBob.messages.get()).to.deep.include({ holes: [], isLoading: false });
    await end(cluster, alice, bob);
  });

  it('gets a code from a gateway of an earlier version, which has neither groups nor changes', async () => {
    const { cluster, client, live } = setUp();
    const alice = client('alice');
    const errors: unknown[] = [];
    alice.on('error', (error) => errors.push(error));
    await live();
    const bob = await alice.direct('bob');
    const { seq } = await bob.send('Hello').stored;
    for (const request of ['create_group', 'edit_message', 'set_conversation', 'set_block'] as const) {
      cluster.refuse(request, 'UNKNOWN_EVENT');
    }
    cluster.refuse('mark_delivered', 'UNKNOWN_EVENT');
    cluster.send({ from: 'bob', to: 'alice', content: 'Hi' });
    const attempts = [
      alice.groups.create({ title: 'Lunch', userIds: ['bob'] }),
      bob.edit(seq, 'Hello!'),
      bob.set({ muted: true }),
      alice.blocks.block('bob'),
    ];
    for (const attempt of await Promise.allSettled(attempts)) {
      expect(attempt).to.have.property('reason').that.includes({ code: 'UNKNOWN_EVENT', retryable: false });
    }
    await cluster.advance(10_000);
    expect(bob.messages.get().messages.map(({ content }) => content)).to.deep.equal(['Hello', 'Hi']);
    expect([alice.status.state, errors]).to.deep.equal(['live', []]);
    await end(cluster, alice);
  });

  it('shows the blocks of another device, also those that were made while it was not connected', async () => {
    const { cluster, client, live } = setUp();
    const [alice, elsewhere] = [client('alice'), client('alice')];
    await live();
    await alice.blocks.load();
    await elsewhere.blocks.block('bob');
    await cluster.advance(1_000);
    expect([alice.blocks.get(), elsewhere.blocks.get()]).to.deep.equal([['bob'], undefined]);
    cluster.drop('block_changed', { user: 'alice', times: 2 });
    await elsewhere.blocks.unblock('bob');
    await cluster.advance(1_000);
    expect(alice.blocks.get()).to.deep.equal(['bob']);
    cluster.disconnect('alice');
    await cluster.advance(30_000);
    expect(alice.blocks.get()).to.deep.equal([]);
    await end(cluster, alice, elsewhere);
  });

  it('takes in the groups of a store that was written without groups', async () => {
    const { cluster, client, live } = setUp();
    const store = memoryStore();
    const bob = client('bob');
    await live();
    const { id } = await bob.groups.create({ title: 'Lunch', userIds: ['alice'] });
    // The feed goes on after the activity of the last minutes.
    await cluster.advance(600_000);
    const before = createChatClient({ ...cluster.optionsOf('alice'), store });
    before.connect();
    await cluster.advance(5_000);
    expect(before.conversations.get().map((one) => one.id)).to.not.include(id);
    await before.close();
    const after = createChatClient({ ...cluster.optionsOf('alice'), store, extension: groups });
    after.connect();
    await cluster.advance(5_000);
    expect(after.conversations.get().find((one) => one.id === id)?.group?.title).to.equal('Lunch');
    await end(cluster, bob, after);
  });

  it('shows the messages and changes of a group of more than 32 members', async () => {
    const { cluster, client, live } = setUp();
    const [alice, bob] = [client('alice'), client('bob')];
    await live();
    const userIds = ['bob', ...Array.from({ length: 39 }, (_, i) => `member-${i}`)];
    const ofAlice = await alice.groups.create({ title: 'All', userIds });
    await cluster.advance(1_000);
    const ofBob = bob.conversation(ofAlice.id);
    const { seq } = await ofAlice.send('hello').stored;
    await ofAlice.edit(seq, 'hello all');
    for (const emoji of ['👍', '🎉']) await ofBob.react(seq, emoji);
    await cluster.advance(5_000);
    for (const conversation of [ofAlice, ofBob]) {
      expect(conversation.group?.memberCount).to.equal(41);
      const message = conversation.messages.get().messages.at(-1);
      expect(message).to.include({ content: 'hello all', rev: 3 });
      expect(message && 'reactions' in message && message.reactions?.map(({ emoji }) => emoji)).to.have.members([
        '👍',
        '🎉',
      ]);
      expect(conversation.info.get()?.rev).to.equal(3);
    }
    await end(cluster, alice, bob);
  });
});

type Cluster = ReturnType<typeof createFakeCluster>;

function setUp() {
  const cluster = createFakeCluster();
  const client = (userId: string) => {
    const chat = createChatClient({ ...cluster.optionsOf(userId), extension: groups });
    chat.connect();
    return chat;
  };
  return { cluster, client, live: () => cluster.advance(2_000) };
}

async function end(cluster: Cluster, ...clients: { close(): Promise<void> }[]): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
  cluster.close();
}
