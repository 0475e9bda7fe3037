import type { ChatClient, ChatEvents, Message } from '@chat-cluster/client';
import { expect } from 'chai';
import { Ledger } from '../src/chat/local/ledger.ts';

type Status = ChatEvents['outbox']['status'];

/** A client whose events the test emits. */
function handMadeClient() {
  const listeners = new Map<string, (value: unknown) => void>();
  const client = {
    on(event: string, listener: (value: unknown) => void) {
      listeners.set(event, listener);
      return () => listeners.delete(event);
    },
  } as Pick<ChatClient, 'on'>;
  return {
    client,
    outbox: (id: string, status: Status, conversationId = 'c') =>
      listeners.get('outbox')?.({ message: { clientMessageId: id, conversationId }, status }),
    message: (senderId: string, seq: number, id = `m${seq}`) =>
      listeners.get('message')?.({ senderId, seq, clientMessageId: id, conversationId: 'c' } as Message),
    revised: (rev?: number, id = 'c') => listeners.get('conversation')?.({ id, rev }),
  };
}

function twoPanes() {
  const ledger = new Ledger();
  const [alice, bob] = [handMadeClient(), handMadeClient()];
  ledger.start(['alice', 'bob']);
  const isShared = (id: string) => id === 'c';
  ledger.follow('alice', alice.client, isShared);
  ledger.follow('bob', bob.client, isShared);
  const of = (from: string) => ledger.get().directions.find((direction) => direction.from === from);
  return { ledger, alice, bob, of };
}

describe('The ledger of the panes', () => {
  it('counts a message as sent, stored and received, once each', () => {
    const { alice, bob, of } = twoPanes();
    alice.outbox('m1', 'queued');
    alice.outbox('m1', 'sending');
    expect(of('alice')).include({ sent: 1, stored: 0, received: 0, missing: 0 });
    alice.outbox('m1', 'stored');
    expect(of('alice')).include({ sent: 1, stored: 1, received: 0, missing: 1 });
    bob.message('alice', 1);
    expect(of('alice')).include({ sent: 1, stored: 1, received: 1, missing: 0, duplicates: 0, outOfOrder: 0 });
    expect(of('bob')).include({ sent: 0, stored: 0, received: 0 });
  });

  it('accepts the event before the ack', () => {
    const { alice, bob, of } = twoPanes();
    alice.outbox('m1', 'queued');
    bob.message('alice', 1);
    expect(of('alice')).include({ received: 1, stored: 0, missing: 0 });
    alice.outbox('m1', 'stored');
    expect(of('alice')).include({ received: 1, stored: 1, missing: 0 });
  });

  it('counts repeated and late messages', () => {
    const { bob, of } = twoPanes();
    bob.message('alice', 1);
    bob.message('alice', 3);
    bob.message('alice', 2);
    bob.message('alice', 3);
    expect(of('alice')).include({ duplicates: 1, outOfOrder: 1 });
  });

  it('ignores messages of other users and of other devices of the sender', () => {
    const { alice, bob, of } = twoPanes();
    bob.message('carol', 1);
    bob.message('alice', 2, 'from a phone');
    alice.message('alice', 2, 'from a phone');
    expect(of('alice')).include({ sent: 0, received: 0, missing: 0 });
  });

  it('takes a discarded message back', () => {
    const { alice, of } = twoPanes();
    alice.outbox('m1', 'queued');
    alice.outbox('m1', 'failed');
    alice.outbox('m1', 'discarded');
    expect(of('alice')).include({ sent: 0, missing: 0 });
  });

  it('counts nothing between two devices of one user', () => {
    const { ledger, alice } = twoPanes();
    ledger.start(['alice', 'alice']);
    alice.outbox('m1', 'queued');
    expect(ledger.get().directions).deep.equals([]);
  });

  it('counts nothing of a conversation that the other pane is not in', () => {
    const { alice, of } = twoPanes();
    alice.outbox('m1', 'stored', 'with carol');
    expect(of('alice')).include({ sent: 0, stored: 0, missing: 0 });
  });

  it('counts the changes of messages that each pane has, since the first known one', () => {
    const { ledger, alice, bob } = twoPanes();
    alice.revised(undefined);
    for (const pane of [alice, bob]) pane.revised(5);
    alice.revised(7);
    alice.revised(1, 'with carol');
    expect(ledger.get().changes).deep.equals([
      { user: 'alice', count: 2 },
      { user: 'bob', count: 0 },
    ]);
    bob.revised(7);
    expect(ledger.get().changes.map(({ count }) => count)).deep.equals([2, 2]);
  });

  it('begins anew at a restart', () => {
    const { ledger, alice, bob, of } = twoPanes();
    alice.outbox('m1', 'stored');
    bob.message('alice', 1);
    ledger.restart();
    expect(of('alice')).include({ from: 'alice', to: 'bob', sent: 0, stored: 0, received: 0 });
  });
});
