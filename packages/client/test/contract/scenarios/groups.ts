import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import type { FullConversation } from '../../../src/groups/index.ts';
import { memoryStore } from '../../../src/testing/index.ts';
import { codeOf, type Device, type DeviceOptions, isLive, opened, sendAll, shown, type World } from '../world.ts';

export function groupScenarios(world: World): void {
  describe('groups', () => {
    it('are created once, and known to all members, with their roles', async () => {
      const { alice, bob, ofAlice, ofBob } = await world.group();
      expect(ofAlice.group).to.include({ title: 'Lunch', role: 'owner', memberCount: 3 });
      expect(ofBob.group).to.include({ title: 'Lunch', role: 'member', memberCount: 3 });
      const create = () => alice.chat.groups.create({ title: 'Dinner', userIds: [bob.userId], changeId: 'once' });
      const [first, second] = [await create(), await create()];
      expect(second.id).to.equal(first.id);
      expect(second.messages.get().messages.filter(({ seq }) => seq !== undefined).length).to.be.at.most(1);
    });

    it('exchange messages in one order, and count them as unread for the others', async () => {
      const { id, devices, bob, carol, ofAlice, ofBob, ofCarol } = await world.group();
      await sendAll(ofAlice, ['1', '2']);
      await sendAll(ofBob, ['3']);
      await eventually(() => {
        for (const conversation of [ofAlice, ofBob, ofCarol])
          expect(texts(conversation)).to.deep.equal(['1', '2', '3']);
        for (const device of devices) expect(received(device, id)).to.deep.equal(['1', '2', '3']);
        expect([bob.chat.badge, carol.chat.badge]).to.deep.equal([2, 3]);
      });
      ofCarol.read();
      await eventually(() => {
        expect(carol.chat.badge).to.equal(0);
        expect(ofAlice.receipts(4).read).to.deep.equal([carol.userId]);
      });
      await eventually(() => expect(carol.chat.badge).to.equal(ofCarol.info.get()?.unreadCount));
    });

    it('of more than 32 members have messages, changes and read marks too', async () => {
      const { bob, carol, ofAlice, ofBob } = await world.group();
      await ofAlice.add(Array.from({ length: 38 }, (_, i) => world.user(`member${i}`)));
      await eventually(() => expect(ofBob.group?.memberCount).to.equal(41));
      const { seq } = await ofAlice.send('hello').stored;
      await eventually(() => expect(texts(ofBob)).to.deep.equal(['hello']));
      await ofAlice.edit(seq, 'hello all');
      await ofBob.react(seq, '👍');
      await eventually(() => expect(texts(ofBob)).to.deep.equal(['hello all']));
      await eventually(() => expect(ofAlice.info.get()?.rev).to.equal(2));
      ofBob.read();
      await eventually(async () => {
        expect(bob.chat.badge).to.equal(0);
        expect((await ofAlice.readers(seq)).userIds).to.deep.equal([bob.userId]);
        expect(carol.chat.badge).to.equal(1);
      });
    });

    it('keep the order of messages that are sent without a connection', async () => {
      const { alice, ofAlice, ofBob } = await world.group();
      alice.tap.reachable(false);
      const sent = ['1', '2', '3'].map((text) => ofAlice.send(text));
      expect(sent.map(({ status }) => status)).to.deep.equal(['queued', 'queued', 'queued']);
      alice.tap.reachable(true);
      await Promise.all(sent.map(({ stored }) => stored));
      await eventually(() => expect(texts(ofBob)).to.deep.equal(['1', '2', '3']));
    });

    it('show replies and mentions, also those that were sent without a connection', async () => {
      const { alice, bob, carol, ofAlice, ofBob, ofCarol } = await world.group();
      const question = await ofBob.send('Lunch at noon?').stored;
      await eventually(() => expect(texts(ofAlice)).to.deep.equal(['Lunch at noon?']));
      alice.tap.reachable(false);
      const sent = ofAlice.send({
        content: 'Yes',
        replyToSeq: question.seq,
        mentions: [carol.userId, world.user('x')],
      });
      expect(ofAlice.messages.get().messages.at(-1)).to.include({ replyToSeq: question.seq });
      alice.tap.reachable(true);
      const reply = await sent.stored;
      expect(reply.replyTo).to.deep.equal({ seq: question.seq, senderId: bob.userId, text: 'Lunch at noon?' });
      expect(reply.mentions).to.deep.equal([carol.userId]);
      await eventually(() => {
        expect(carol.chat.counts.mentionCount).to.equal(1);
        expect(ofCarol.info.get()?.mentionCount).to.equal(1);
        expect(bob.chat.counts.mentionCount).to.equal(0);
      });
      ofCarol.read();
      await eventually(() => expect(carol.chat.counts.mentionCount).to.equal(0));
    });

    it('change their title, members and roles, with the rights of each role', async () => {
      const { bob, carol, ofAlice, ofBob, ofCarol } = await world.group();
      expect(await codeOf(ofBob.rename('Mine'))).to.equal('FORBIDDEN');
      expect((await ofAlice.rename('Dinner')).title).to.equal('Dinner');
      await ofAlice.setRole(bob.userId, 'admin');
      await eventually(() => {
        expect(ofBob.group).to.include({ title: 'Dinner', role: 'admin' });
        expect(ofCarol.group).to.include({ title: 'Dinner', role: 'member' });
      });
      const dave = await world.member('dave');
      await ofBob.add([dave.userId]);
      const ofDave = await opened(dave, ofBob.id);
      expect(ofDave.group).to.include({ role: 'member', memberCount: 4 });
      await eventually(() => expect(ofCarol.group?.memberCount).to.equal(4));
      expect(await codeOf(ofBob.remove(world.user('stranger')))).to.equal('MEMBER_NOT_FOUND');
      await ofBob.remove(carol.userId);
      await eventually(() => {
        expect(ofCarol.group?.role).to.equal(null);
        expect(ofDave.group?.memberCount).to.equal(3);
      });
    });

    it('list their members, page by page, and again after a change', async () => {
      const { alice, bob, carol, ofAlice, ofBob } = await world.group();
      const off = ofAlice.members.subscribe(() => {});
      await ofAlice.members.loadMore();
      const roles = () => Object.fromEntries(ofAlice.members.get().members.map(({ userId, role }) => [userId, role]));
      const all = { [alice.userId]: 'owner', [bob.userId]: 'member', [carol.userId]: 'member' };
      expect(roles()).to.deep.equal(all);
      expect(ofAlice.members.get().hasMore).to.equal(false);
      await ofBob.leave();
      await eventually(() => expect(Object.keys(roles())).to.have.members([alice.userId, carol.userId]));
      off();
    });

    it('hide what a member may not see: entries before, between and after its memberships are no holes', async () => {
      const { alice, ofAlice } = await world.group();
      await sendAll(ofAlice, ['before']);
      const dave = await world.member('dave');
      await ofAlice.add([dave.userId]);
      const ofDave = await opened(dave, ofAlice.id);
      await sendAll(ofAlice, ['first']);
      await eventually(() => expect(texts(ofDave)).to.deep.equal(['first']));
      await ofAlice.remove(dave.userId);
      await eventually(() => expect(ofDave.group?.role).to.equal(null));
      await sendAll(ofAlice, ['hidden']);
      expect(await codeOf(ofDave.send('too late').stored)).to.equal('FORBIDDEN');
      ofDave.discard(ofDave.messages.get().messages.at(-1)?.clientMessageId ?? '');
      await ofAlice.add([dave.userId]);
      await sendAll(ofAlice, ['second']);
      await eventually(() => {
        expect(texts(ofDave)).to.deep.equal(['first', 'second']);
        expect(ofDave.messages.get()).to.deep.include({ holes: [], hasOlder: false, isLoading: false });
      });
      expect(received(dave, ofAlice.id)).to.deep.equal(['first', 'second']);
      // Another device loads the same.
      const other = await world.memberAgain(dave);
      const ofOther = await opened(other, ofAlice.id);
      await eventually(() => expect(texts(ofOther)).to.deep.equal(['first', 'second']));
      expect(ofOther.messages.get()).to.deep.include({ holes: [], hasOlder: false });
      expect(alice.errors).to.deep.equal([]);
    });

    it('show the history that the one who adds has chosen', async () => {
      const { ofAlice } = await world.group();
      await sendAll(ofAlice, ['before']);
      const dave = await world.member('dave');
      await ofAlice.add([dave.userId], { history: 'all' });
      const ofDave = await opened(dave, ofAlice.id);
      await eventually(() => expect(texts(ofDave)).to.deep.equal(['before']));
      await eventually(() => expect(dave.chat.badge).to.equal(0));
    });

    it('show a member who comes back with the whole history what was hidden: later entries, and a hole before', async () => {
      const { dave, ofAlice, ofDave, hidden } = await leftTwice(world);
      await ofAlice.add([dave.userId], { history: 'all' });
      await sendAll(ofAlice, ['5']);
      await eventually(() => {
        expect(texts(ofDave)).to.deep.equal(['1', '3', '4', '5']);
        const { holes, isLoading } = ofDave.messages.get();
        expect({ holes, isLoading }).to.deep.equal({ holes: [{ fromSeq: hidden, toSeq: hidden }], isLoading: false });
      });
      expect(ofDave.group?.role).to.equal('member');
      expect(received(dave, ofDave.id)).to.deep.equal(['1', '3', '4', '5']);
      await eventually(() => expect(dave.chat.badge, 'what was written before is not unread').to.equal(1));
      await ofDave.loadHole({ fromSeq: hidden, toSeq: hidden });
      expect(ofDave.messages.get().hasOlder, 'the entries before the first membership').to.equal(true);
      await ofDave.loadOlder();
      expect(texts(ofDave)).to.deep.equal(['0', '1', '2', '3', '4', '5']);
      expect(ofDave.messages.get()).to.deep.include({ holes: [], hasOlder: false, isLoading: false });
    });

    it('show a member who comes back the history since a time', async () => {
      const { dave, ofAlice, ofDave, since } = await leftTwice(world);
      await ofAlice.add([dave.userId], { history: { since } });
      await sendAll(ofAlice, ['5']);
      await eventually(() => expect(texts(ofDave)).to.deep.equal(['1', '3', '4', '5']));
      expect(ofDave.messages.get()).to.deep.include({ holes: [], hasOlder: false, isLoading: false });
      expect(received(dave, ofDave.id)).to.deep.equal(['1', '3', '4', '5']);
    });

    it('show a member who was added again while the device was away what was hidden, from a store too', async () => {
      const store = memoryStore();
      const { dave, ofAlice, ofDave } = await leftTwice(world, { store });
      const { id } = ofDave;
      await dave.chat.close();
      await ofAlice.add([dave.userId], { history: 'all' });
      await sendAll(ofAlice, ['5']);
      const later = await world.memberAgain(dave, { store });
      const ofLater = await opened(later, id);
      await eventually(() => expect(received(later, id)).to.deep.equal(['4', '5']));
      await eventually(() => expect(texts(ofLater)).to.deep.equal(['0', '1', '2', '3', '4', '5']));
      expect(ofLater.messages.get()).to.deep.include({ holes: [], hasOlder: false });
    });

    it('get a new owner when the last one leaves, and stay readable for those who left', async () => {
      const { alice, bob, ofAlice, ofBob } = await world.group();
      await sendAll(ofAlice, ['bye']);
      await ofAlice.leave();
      await eventually(() => expect(ofBob.group?.memberCount).to.equal(2));
      await sendAll(ofBob, ['gone']);
      await eventually(() => expect(ofAlice.group?.role).to.equal(null));
      expect(texts(ofAlice)).to.deep.equal(['bye']);
      expect(alice.chat.conversations.get().map(({ id }) => id)).to.include(ofAlice.id);
      const owners = async () => {
        await ofBob.members.loadMore();
        return ofBob.members.get().members.filter(({ role }) => role === 'owner');
      };
      expect(await owners()).to.have.length(1);
      expect(bob.errors).to.deep.equal([]);
    });

    it('show a former member the title and the number of members of its time', async () => {
      const { ofAlice } = await world.group();
      const dave = await world.member('dave');
      await ofAlice.add([dave.userId]);
      const ofDave = await opened(dave, ofAlice.id);
      await ofAlice.remove(dave.userId);
      await eventually(() => expect(ofDave.group?.role).to.equal(null));
      const seen = ofDave.group;
      await dave.chat.close();
      await ofAlice.rename('Without dave');
      await ofAlice.add([world.user('erin')]);
      const later = await opened(await world.memberAgain(dave, {}), ofAlice.id);
      expect(later.group).to.deep.equal(seen);
    });

    it('are caught up with after a lost connection', async () => {
      const { carol, ofAlice, ofCarol } = await world.group();
      carol.tap.reachable(false);
      await sendAll(ofAlice, ['1', '2']);
      await ofAlice.rename('Dinner');
      carol.tap.reachable(true);
      await isLive(carol);
      await eventually(() => {
        expect(texts(ofCarol)).to.deep.equal(['1', '2']);
        expect(ofCarol.group?.title).to.equal('Dinner');
      });
    });

    it('are ignored by a client without the extension, which goes on with its direct conversations', async () => {
      const { alice, ofAlice } = await world.group();
      const base = await world.live(world.user('base'));
      await ofAlice.add([base.userId]);
      await sendAll(ofAlice, ['to the group']);
      await sendAll(await alice.chat.direct(base.userId), ['to you']);
      await eventually(() => expect(base.received.map(({ content }) => content)).to.deep.equal(['to you']));
      expect(base.chat.conversations.get().map(({ otherUserId }) => otherUserId)).to.deep.equal([alice.userId]);
      base.tap.cut();
      await isLive(base);
      expect(base.chat.conversations.get()).to.have.length(1);
      expect(base.errors).to.deep.equal([]);
    });
  });
}

/**
 * A group in which dave was twice a member, with the history from then on, and is a former member: dave sees 1 and 3,
 * but not 0, 2 and 4. `hidden`: the seq of 2. `since`: the time of 4.
 */
async function leftTwice(world: World, options: DeviceOptions = {}) {
  const { ofAlice } = await world.group();
  const dave = await world.member('dave', options);
  await sendAll(ofAlice, ['0']);
  await ofAlice.add([dave.userId]);
  const ofDave = await opened(dave, ofAlice.id);
  await sendAll(ofAlice, ['1']);
  await ofAlice.remove(dave.userId);
  const { seq: hidden } = await ofAlice.send('2').stored;
  await ofAlice.add([dave.userId]);
  await sendAll(ofAlice, ['3']);
  await ofAlice.remove(dave.userId);
  const { createdAt: since } = await ofAlice.send('4').stored;
  await eventually(() => {
    expect(texts(ofDave)).to.deep.equal(['1', '3']);
    expect(ofDave.group?.role).to.equal(null);
  });
  return { dave, ofAlice, ofDave, hidden, since };
}

/** The texts that a conversation shows, without entries about the group. */
function texts(conversation: FullConversation): (string | null)[] {
  return shown(conversation).filter((text) => text !== null);
}

/** The texts that a device has received of a conversation, without entries about the group. */
function received({ received }: Device, id: string): (string | null)[] {
  return received.filter((one) => one.conversationId === id && !one.system).map(({ content }) => content);
}
