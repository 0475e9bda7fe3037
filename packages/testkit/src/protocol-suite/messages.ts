import { randomUUID } from 'node:crypto';
import type { Conversation } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { api, newUser, openConversation, type TestClient } from '../client.ts';
import { eventually } from '../eventually.ts';
import type { Stage } from './stage.ts';

export function messageBehaviours({ target, device, deviceElsewhere, pair }: Stage): void {
  describe('messages', () => {
    it('share one direct conversation of two users, whichever of them opens it', async () => {
      const [a, b] = [newUser('a'), newUser('b')];
      const open = (user: string, participantId: string) =>
        api<Conversation>(target(), user, 'POST', '/api/conversations', { participantId });
      const first = await open(a, b);
      expect(first.status).to.equal(201);
      expect(first.body.participantIds).to.have.members([a, b]);
      const again = await open(b, a);
      expect(again.status).to.equal(200);
      expect(again.body.id).to.equal(first.body.id);
    });

    it('are acknowledged, and received by all devices of both users on different gateways', async () => {
      const { alice, bob, conversationId } = await pair();
      const devices = [alice, bob, await deviceElsewhere(alice.userId, alice), await deviceElsewhere(bob.userId, bob)];
      const attachments = [{ url: 'https://files.example.com/a.pdf', type: 'PDF' }];
      const ack = await alice.send({ conversationId, content: 'Hello!', attachments, clientMessageId: 'one' });
      if (!ack.ok) throw new Error(ack.error.message);
      const [senderId, receiverId] = [alice.userId, bob.userId];
      const shape = { conversationId, senderId, receiverId, content: 'Hello!', attachments, isRead: false, seq: 1 };
      expect(ack).to.deep.nested.include({ duplicate: false, 'message.clientMessageId': 'one' });
      expect(ack.message).to.deep.include(shape);
      await eventually(() => {
        for (const client of devices) expect(client.messages).to.deep.equal([ack.message]);
      });
    });

    it('need no ack, as in the base protocol', async () => {
      const { alice, bob, conversationId } = await pair();
      alice.socket.emit('send_message', { conversationId, content: 'no callback' } as never);
      await eventually(() => {
        for (const client of [alice, bob]) expect(contentsOf(client)).to.deep.equal(['no callback']);
      });
    });

    it('are stored once: a resend, also on another gateway, is acknowledged with the first result', async () => {
      const { alice, bob, conversationId } = await pair();
      const alice2 = await deviceElsewhere(alice.userId, alice);
      const clientMessageId = randomUUID();
      const first = await alice.send({ conversationId, content: 'once', clientMessageId });
      if (!first.ok) throw new Error(first.error.message);
      for (const client of [alice, alice2]) {
        const again = await client.send({ conversationId, content: 'once', clientMessageId });
        expect(again).to.deep.equal({ ok: true, message: first.message, duplicate: true });
      }
      await alice.send({ conversationId, content: 'next' });
      await eventually(() => expect(contentsOf(bob)).to.deep.equal(['once', 'next']));
    });

    it('of a burst from both users have one order without gaps, which preserves the order of each sender', async () => {
      const { alice, bob, conversationId } = await pair();
      const burst = (client: TestClient, name: string) =>
        Promise.all(Array.from({ length: 100 }, (_, i) => client.send({ conversationId, content: `${name}${i}` })));
      const acks = (await Promise.all([burst(alice, 'a'), burst(bob, 'b')])).flat();
      expect(acks.filter((ack) => !ack.ok)).to.deep.equal([]);
      for (const client of [alice, bob]) {
        await eventually(() => expect(client.messages).to.have.length(200));
        expect(client.messages.map(({ seq }) => seq)).to.deep.equal(Array.from({ length: 200 }, (_, i) => i + 1));
        for (const name of ['a', 'b']) {
          const sent = contentsOf(client).filter((text) => text?.startsWith(name));
          expect(sent).to.deep.equal(Array.from({ length: 100 }, (_, i) => `${name}${i}`));
        }
      }
      expect(bob.messages).to.deep.equal(alice.messages);
    });

    it('to a user whose id is the connection id of another user reach only the former', async () => {
      const eve = await device(newUser('eve'));
      const { alice, bob, conversationId } = await pair(newUser('alice'), eve.session.connectionId);
      const devices = [alice, bob, await device(bob.userId), await deviceElsewhere(bob.userId, bob)];
      await alice.send({ conversationId, content: 'for bob' });
      const notes = await openConversation(target(), eve.userId, eve.userId);
      await eve.send({ conversationId: notes, content: 'for eve' });
      await eventually(() => {
        for (const client of devices) expect(contentsOf(client)).to.deep.equal(['for bob']);
        expect(contentsOf(eve).at(-1)).to.equal('for eve');
      });
      expect(contentsOf(eve)).to.deep.equal(['for eve']);
    });

    it('to oneself are received once, and are not unread', async () => {
      const me = newUser('me');
      const conversationId = await openConversation(target(), me, me);
      const client = await device(me);
      const ack = await client.send({ conversationId, content: 'note' });
      expect(ack.ok && ack.message).to.include({ senderId: me, receiverId: me, seq: 1 });
      await client.send({ conversationId, content: 'another' });
      await eventually(() => expect(contentsOf(client)).to.deep.equal(['note', 'another']));
      expect(client.badges.at(-1)?.count).to.equal(0);
    });
  });
}

function contentsOf({ messages }: TestClient): (string | null)[] {
  return messages.map(({ content }) => content);
}
