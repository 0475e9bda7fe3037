import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import type { FullConversation } from '../../../src/groups/index.ts';
import type { ShownMessage } from '../../../src/index.ts';
import { codeOf, isLive, opened, sendAll, type World } from '../world.ts';

export function changeScenarios(world: World): void {
  describe('changes of messages', () => {
    it('are shown at once, then stored, and reach the others: edits, reactions, deletes', async () => {
      const { alice, ofAlice, ofBob } = await pair(world);
      const { seq } = await ofAlice.send('Helo').stored;
      const release = alice.tap.hold('ack:edit_message');
      const releaseEvent = alice.tap.hold('message_changed');
      const edited = ofAlice.edit(seq, 'Hello');
      expect(at(ofAlice, seq)).to.include({ content: 'Hello', isChanging: true });
      release();
      expect(await edited).to.include({ content: 'Hello', rev: 1 });
      releaseEvent();
      expect(at(ofAlice, seq)).to.not.have.property('isChanging');
      await eventually(() => expect(at(ofBob, seq)).to.include({ content: 'Hello', rev: 1 }));
      expect(at(ofBob, seq)?.editedAt).to.be.a('string');
      expect((await ofBob.versions(seq)).map(({ content }) => content)).to.deep.equal(['Helo']);

      await ofBob.react(seq, '👍');
      await ofBob.react(seq, '👍');
      await eventually(() => expect(at(ofAlice, seq)?.reactions).to.deep.equal([{ emoji: '👍', count: 1 }]));
      expect(at(ofBob, seq)?.reactions).to.deep.equal([{ emoji: '👍', count: 1, mine: true }]);
      await ofAlice.react(seq, '👍');
      await eventually(() => expect(at(ofBob, seq)?.reactions).to.deep.equal([{ emoji: '👍', count: 2, mine: true }]));
      expect(await ofBob.reactors(seq, '👍')).to.have.length(2);
      await ofBob.react(seq, '👍', false);
      await eventually(() =>
        expect(at(ofAlice, seq)?.reactions).to.deep.equal([{ emoji: '👍', count: 1, mine: true }]),
      );

      await ofAlice.delete(seq);
      await eventually(() => {
        for (const conversation of [ofAlice, ofBob]) {
          expect(at(conversation, seq)).to.include({ content: null, deletedBy: alice.userId });
          expect(at(conversation, seq)).to.not.have.property('reactions');
        }
      });
      expect(await codeOf(ofAlice.edit(seq, 'again'))).to.equal('MESSAGE_NOT_FOUND');
      expect(await codeOf(ofBob.delete(seq + 1_000))).to.equal('MESSAGE_NOT_FOUND');
    });

    it('that the server refuses are taken back', async () => {
      const { ofAlice, ofBob } = await pair(world);
      const { seq } = await ofAlice.send('mine').stored;
      await eventually(() => expect(at(ofBob, seq)?.content).to.equal('mine'));
      const refused = ofBob.edit(seq, 'yours');
      expect(at(ofBob, seq)?.content).to.equal('yours');
      expect(await codeOf(refused)).to.equal('FORBIDDEN');
      expect(at(ofBob, seq)?.content).to.equal('mine');
    });

    it('without a connection fail with a code, and leave the message as it is', async () => {
      const { alice, ofAlice } = await pair(world);
      const { seq } = await ofAlice.send('mine').stored;
      alice.tap.reachable(false);
      expect(await codeOf(ofAlice.delete(seq))).to.equal('CONNECTION_LOST');
      expect(at(ofAlice, seq)?.content).to.equal('mine');
      alice.tap.reachable(true);
    });

    it('that a device has missed arrive with its next sync', async () => {
      const { bob, ofAlice, ofBob } = await pair(world);
      await sendAll(ofAlice, ['1', '2', '3']);
      await eventually(() => expect(at(ofBob, 3)?.content).to.equal('3'));
      bob.tap.reachable(false);
      await ofAlice.edit(1, 'one');
      await ofAlice.delete(2);
      bob.tap.reachable(true);
      await isLive(bob);
      await eventually(() => {
        expect(at(ofBob, 1)?.content).to.equal('one');
        expect(at(ofBob, 2)?.content).to.equal(null);
      });
    });

    it('of which an event was lost arrive after the next one', async () => {
      const { bob, ofAlice, ofBob } = await pair(world);
      await sendAll(ofAlice, ['1', '2']);
      await eventually(() => expect(at(ofBob, 2)?.content).to.equal('2'));
      bob.tap.lose('message_changed');
      await ofAlice.edit(1, 'one');
      await ofAlice.edit(2, 'two');
      await eventually(() => {
        expect(at(ofBob, 1)?.content).to.equal('one');
        expect(at(ofBob, 2)?.content).to.equal('two');
      });
    });

    it('lower the badge when an unread message is deleted', async () => {
      const { bob, ofAlice, ofBob } = await pair(world);
      await sendAll(ofAlice, ['1', '2']);
      await eventually(() => expect(bob.chat.badge).to.equal(2));
      await ofAlice.delete(1);
      await eventually(() => expect(bob.chat.badge).to.equal(1));
      await eventually(() => expect(ofBob.info.get()?.unreadCount).to.equal(1));
    });

    it('empty the quotes of a deleted message: on devices, and for those that load the replies later', async () => {
      const { bob, ofAlice, ofBob } = await pair(world);
      const { seq, senderId } = await ofAlice.send('secret').stored;
      await eventually(() => expect(at(ofBob, seq)?.content).to.equal('secret'));
      const reply = await ofBob.send({ content: 'why?', replyToSeq: seq }).stored;
      await eventually(() => expect(at(ofAlice, reply.seq)?.replyTo?.text).to.equal('secret'));
      bob.tap.reachable(false);
      await ofAlice.delete(seq);
      const emptied = { seq, senderId, text: null, deleted: true };
      expect(at(ofAlice, reply.seq)?.replyTo).to.deep.equal(emptied);
      bob.tap.reachable(true);
      await isLive(bob);
      await eventually(() => expect(at(ofBob, reply.seq)?.replyTo).to.deep.equal(emptied));
      expect(bob.chat.conversations.get()[0]?.lastMessage?.replyTo).to.deep.equal(emptied);
      const ofOther = await opened(await world.memberAgain(bob), ofBob.id);
      expect(at(ofOther, reply.seq)?.replyTo).to.deep.equal(emptied);
      expect(await codeOf(ofBob.send({ content: 'again', replyToSeq: seq }).stored)).to.equal('MESSAGE_NOT_FOUND');
    });

    it('of any message are allowed to the owner of a group', async () => {
      const { ofAlice, ofBob, ofCarol } = await world.group();
      const { seq } = await ofBob.send('spam').stored;
      expect(await codeOf(ofCarol.delete(seq))).to.equal('FORBIDDEN');
      await ofAlice.delete(seq);
      await eventually(() => expect(at(ofCarol, seq)?.content).to.equal(null));
    });
  });
}

/** Two users with their direct conversation, loaded. */
async function pair(world: World) {
  const alice = await world.member('alice');
  const bob = await world.member('bob');
  const { id } = await alice.chat.direct(bob.userId);
  await bob.chat.direct(alice.userId);
  return { alice, bob, ofAlice: await opened(alice, id), ofBob: await opened(bob, id) };
}

function at(conversation: FullConversation, seq: number) {
  return conversation.messages
    .get()
    .messages.find((message): message is ShownMessage & { seq: number } => message.seq === seq);
}
