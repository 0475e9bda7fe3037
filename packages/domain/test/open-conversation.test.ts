import type { Conversation } from '@chat-cluster/contracts';
import { type Conversations, findConversation, openConversation } from '@chat-cluster/domain';
import { expect } from 'chai';
import { rejectionOf } from './ports.ts';
import { newUsers } from './world.ts';

describe('opening a conversation', () => {
  it('passes a new id for the pair, and returns the resulting conversation', async () => {
    const { alice, bob } = newUsers('alice', 'bob');
    const calls: Parameters<Conversations['open']>[] = [];
    const answer = { conversation: { kind: 'direct' } as Conversation, created: false };
    const conversations: Pick<Conversations, 'open'> = {
      async open(...call) {
        calls.push(call);
        return answer;
      },
    };
    expect(await openConversation(conversations, alice, bob)).to.equal(answer);
    await openConversation(conversations, bob, bob);
    const [first, second] = calls.map(([newId]) => newId);
    expect(calls.map(([, ...users]) => users)).to.deep.equal([
      [alice, bob],
      [bob, bob],
    ]);
    expect(first).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/);
    expect(second).to.not.equal(first);
  });

  it('finds an existing one for a user who may not open any, otherwise rejects with FORBIDDEN', async () => {
    const { alice, bob } = newUsers('alice', 'bob');
    const conversation = { kind: 'direct' } as Conversation;
    const conversations: Pick<Conversations, 'find'> = {
      find: async (_a, b) => (b === bob ? conversation : undefined),
    };
    expect(await findConversation({ conversations }, alice, bob)).to.deep.equal({ conversation, created: false });
    const rejection = await rejectionOf(findConversation({ conversations }, alice, alice));
    expect(rejection).to.have.nested.property('payload.code', 'FORBIDDEN');
  });
});
