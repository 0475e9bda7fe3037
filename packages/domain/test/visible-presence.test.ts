import type { UserId } from '@chat-cluster/contracts';
import { type Contacts, visiblePresence } from '@chat-cluster/domain';
import { expect } from 'chai';
import { newUsers } from './world.ts';

describe('whose presence a user may see', () => {
  const { alice, bob, eve } = newUsers('alice', 'bob', 'eve');

  /** Contacts among alice and bob, and the users of each query. */
  function contactsOfAlice(...blocked: UserId[]) {
    const queries: UserId[][] = [];
    const contacts: Contacts = {
      async contactsAmong(_userId, userIds) {
        queries.push([...userIds]);
        return new Set(userIds.filter((id) => id === bob));
      },
      async blockedAmong(_userId, userIds) {
        return new Set(userIds.filter((id) => blocked.includes(id)));
      },
    };
    return { contacts, queries };
  }

  it('contacts: users with a common conversation and oneself, with one query at most', async () => {
    const { contacts, queries } = contactsOfAlice();
    const see = async (...userIds: UserId[]) => [
      ...(await visiblePresence({ contacts, policy: 'contacts' }, alice, userIds)),
    ];
    expect(await see(bob, eve, bob, alice)).to.have.members([bob, alice]);
    expect(await see(eve)).to.deep.equal([]);
    expect(queries).to.deep.equal([[bob, eve], [eve]]);
    expect(await see(alice)).to.deep.equal([alice]);
    expect(queries).to.have.length(2);
  });

  it('anyone: everyone, without a query for contacts', async () => {
    const { contacts, queries } = contactsOfAlice();
    const visible = await visiblePresence({ contacts, policy: 'anyone' }, alice, [bob, eve]);
    expect([...visible]).to.deep.equal([bob, eve]);
    expect(queries).to.deep.equal([]);
  });

  it('nobody sees a user behind a block, whatever the policy', async () => {
    const { contacts } = contactsOfAlice(bob);
    for (const policy of ['contacts', 'anyone'] as const) {
      const visible = await visiblePresence({ contacts, policy }, alice, [bob, alice]);
      expect([...visible], policy).to.deep.equal([alice]);
    }
  });
});
