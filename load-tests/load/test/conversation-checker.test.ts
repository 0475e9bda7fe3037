import type { ConversationId } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { ConversationChecker } from '../src/conversation-checker.ts';
import type { Side } from '../src/conversation-state.ts';
import { type Counts, failures } from '../src/counts.ts';
import { Meter } from '../src/meter.ts';

/** A conversation of ann and bob, or a group of more, after the first sync of all, with the steps that a test takes. */
function conversation(...more: string[]) {
  const meter = new Meter();
  const users = ['ann', 'bob', ...more];
  const checker = new ConversationChecker('conversation' as ConversationId, users, 'run', meter, more.length > 0);
  for (const side of users.keys()) {
    checker.startAt(side, 0);
    checker.newConnection(side);
  }
  return {
    checker,
    counts: meter.counts as Counts,
    send(sender: Side, connection = 1) {
      const tracked = checker.track(sender, performance.now());
      checker.attempt(tracked, connection);
      const message = (seq: number) => ({
        seq,
        senderId: users[sender] as string,
        clientMessageId: checker.clientMessageId(tracked),
      });
      return {
        tracked,
        ack: (seq: number) => checker.acknowledge(tracked, seq),
        /** The device has a new message by an event, or receives the event of one that it has. */
        event(side: Side, seq: number) {
          const isHeld = seq <= checker.participant(side).upTo;
          checker.event(side, message(seq), isHeld);
          if (!isHeld) checker.receive(side, message(seq), true);
        },
        /** An event that waits for earlier messages, or that a sync has overtaken. */
        early: (side: Side, seq: number) => checker.event(side, message(seq), false),
        synced: (side: Side, seq: number) => checker.receive(side, message(seq), false),
        /** All devices receive it, then its ack comes. */
        deliver(seq: number) {
          for (const side of users.keys()) this.event(side, seq);
          this.ack(seq);
        },
      };
    },
    finish(lastSeq: number) {
      for (const participant of checker.participants) participant.lastSeq = lastSeq;
      checker.finish(users.map(() => true));
    },
  };
}

describe('load: the checker of a conversation', () => {
  it('counts no failure in a correct conversation, and tracks none of its messages any longer', () => {
    const { checker, send, finish, counts } = conversation();
    for (let seq = 1; seq <= 5; seq++) send((seq % 2) as Side).deliver(seq);
    expect(checker.isComplete).to.equal(true);
    finish(5);
    expect(failures(counts)).to.equal(0);
    expect(counts).to.include({ sent: 5, acked: 5, delivered: 5, repeated: 0, bySync: 0 });
    expect([checker.unreadOf(0), checker.unreadOf(1)]).to.deep.equal([3, 2]);
    checker.markRead(0, 3);
    expect(checker.unreadOf(0)).to.equal(1);
  });

  it('counts a missed delivery as lost unless a sync brings it', () => {
    for (const synced of [true, false]) {
      const { send, finish, counts, checker } = conversation();
      const message = send(0);
      message.event(0, 1);
      message.ack(1);
      expect(checker.missing(-1)).to.equal(1);
      if (synced) message.synced(1, 1);
      finish(1);
      expect(counts).to.include(synced ? { lost: 0, gaps: 0, bySync: 1 } : { lost: 1, gaps: 1, bySync: 0 });
    }
  });

  it('counts an acknowledged message as lost when no device holds it, or when it is gone from the store', () => {
    const { send, finish, counts } = conversation();
    send(0).deliver(1);
    send(0).ack(2);
    finish(1);
    expect(counts.lost, 'at both devices').to.equal(2);

    const gone = conversation();
    gone.send(0).deliver(1);
    gone.finish(0);
    expect(gone.counts.lost).to.equal(2);
  });

  it('counts a message that is stored twice, before and after it is complete, and differing acks', () => {
    const { send, counts } = conversation();
    const early = send(0);
    early.event(0, 1);
    early.event(0, 2);
    expect(counts.duplicated).to.equal(1);

    const complete = conversation();
    const message = complete.send(0);
    message.deliver(1);
    message.event(1, 2);
    expect(complete.counts.duplicated).to.equal(1);

    const acks = conversation();
    const acked = acks.send(0);
    acked.ack(1);
    acked.ack(2);
    expect(acks.counts.duplicated).to.equal(1);
  });

  it('counts an event as repeated on one connection, but not after a reconnect', () => {
    const { send, counts, checker } = conversation();
    const message = send(0);
    message.deliver(1);
    message.event(1, 1);
    expect(counts).to.include({ repeated: 1, duplicated: 0 });
    checker.newConnection(1);
    message.event(1, 1);
    expect(counts).to.include({ repeated: 1 });
  });

  it('counts events out of order, but not after a sync or a reconnect', () => {
    const { send, counts, checker } = conversation();
    const messages = [1, 2, 3].map(() => send(0));
    const [first, second, third] = messages;
    first?.event(1, 1);
    third?.early(1, 3);
    second?.event(1, 2);
    expect(counts.outOfOrder).to.equal(1);

    for (const message of [first, second, third]) message?.synced(0, 1 + messages.indexOf(message));
    third?.event(0, 3);
    second?.event(0, 2);
    checker.newConnection(0);
    first?.event(0, 1);
    expect(counts.outOfOrder).to.equal(1);
  });

  it("counts a sender's messages that are stored in another order than sent", () => {
    const pipelined = conversation();
    const [first, second] = [pipelined.send(0), pipelined.send(0)];
    second.ack(1);
    first.ack(2);
    expect(pipelined.counts.outOfOrder).to.equal(1);

    const afterAck = conversation();
    afterAck.send(0).ack(2);
    afterAck.send(0, 2).ack(1);
    expect(afterAck.counts.outOfOrder, 'sent after the ack of the other').to.equal(1);

    const resent = conversation();
    const [failed, later] = [resent.send(0), resent.send(0)];
    later.ack(1);
    resent.checker.attempt(failed.tracked, 1);
    failed.ack(2);
    expect(resent.counts.outOfOrder, 'resent').to.equal(0);
  });

  it('counts a gap, and a seq with two messages', () => {
    const gap = conversation();
    gap.send(0).deliver(1);
    gap.send(0).deliver(3);
    gap.finish(3);
    expect(gap.counts.gaps, 'at both devices').to.equal(2);

    const shared = conversation();
    shared.send(0).deliver(1);
    shared.send(1).event(0, 1);
    expect(shared.counts.gaps).to.equal(1);
  });

  it('counts no messages that come again after a restore as stored twice, but those that follow', () => {
    const { checker, send, counts, finish } = conversation();
    const [first, second] = [send(0), send(1)];
    first.deliver(1);
    second.deliver(2);
    for (const side of [0, 1] as const) {
      checker.restart(side);
      first.synced(side, 1);
    }
    const third = send(1);
    third.deliver(2);
    expect(checker.isComplete).to.equal(true);
    finish(2);
    expect(failures(counts)).to.equal(0);
    third.event(0, 3);
    expect(counts.duplicated).to.equal(1);
  });

  it('counts a message that is stored although it was finally refused', () => {
    const { send, checker, counts } = conversation();
    const message = send(0);
    checker.refuse(message.tracked);
    message.event(1, 1);
    expect(counts).to.include({ unexpected: 1, duplicated: 0 });
  });

  it('counts messages of a group by device: delivered, lost, stored twice', () => {
    const { checker, send, finish, counts } = conversation('carol');
    send(0).deliver(1);
    expect(checker.isComplete).to.equal(true);
    const partly = send(1);
    for (const side of [0, 1]) partly.event(side, 2);
    partly.ack(2);
    const twice = send(2);
    for (const side of [0, 1]) twice.event(side, 3);
    twice.event(0, 4);
    finish(4);
    expect(counts).to.include({ acked: 2, groupAcked: 2, delivered: 5, groupDelivered: 5, duplicated: 1, lost: 1 });
  });

  it('counts a deleted message as read, whether the deletion comes before it or after', () => {
    const { checker, send } = conversation('carol');
    const message = send(0);
    for (const side of [0, 1]) message.event(side, 1);
    expect(checker.unreadOf(1)).to.equal(1);
    checker.delete(1);
    message.event(2, 1);
    expect([1, 2].map((side) => checker.unreadOf(side))).to.deep.equal([0, 0]);
  });

  it('counts changes of messages once per device, and acknowledged ones as lost when a device misses them', () => {
    const { checker, finish, counts } = conversation('carol');
    const { changes, participants } = checker;
    for (let rev = 1; rev <= 4; rev++) changes.acknowledge(rev, performance.now());
    const [ann, bob, carol] = participants.map((participant) => (rev: number, covers?: number[]) => {
      return changes.event(participant, { rev, covers });
    });
    if (!ann || !bob || !carol) throw new Error('there are three');
    expect([1, 2, 2, 3, 4].map((rev) => ann(rev))).to.deep.equal([true, true, true, true, true]);
    expect([bob(3), bob(4, [1]), bob(2)], 'out of order').to.deep.equal([false, false, true]);
    expect([carol(1), carol(4, [2])]).to.deep.equal([true, false]);
    expect(checker.isComplete).to.equal(false);
    finish(0);
    expect(counts).to.include({ changes: 4, changesDelivered: 11, lost: 2, bySync: 0 });
    changes.synced(checker.participant(2), 4);
    expect(checker.isComplete).to.equal(true);
    expect(counts).to.include({ changesDelivered: 12, bySync: 1 });
  });

  it('counts a delivered mark as lost when it was acknowledged before a sync that does not have it', () => {
    const { checker, finish, counts } = conversation('carol');
    const [ann, bob, carol] = checker.participants.map(({ deliveredMark }) => deliveredMark);
    if (!ann || !bob || !carol) throw new Error('there are three');
    for (const mark of [ann, bob, carol]) mark.acknowledge(3);
    for (const mark of [ann, bob, carol]) mark.syncRequested();
    for (const mark of [ann, bob, carol]) mark.acknowledge(5);
    ann.synced(3, 5);
    bob.synced(2, 5);
    // The store has lost messages, which are counted themselves.
    carol.synced(2, 2);
    finish(0);
    expect(counts).to.include({ lost: 1 });
    checker.restart(1);
    finish(0);
    expect(counts, 'after a restore there is no mark').to.include({ lost: 1 });
  });

  it('counts neither an unacknowledged message as lost nor a foreign one as its own', () => {
    const { send, checker, finish, counts } = conversation();
    send(0);
    checker.giveUp(send(0).tracked);
    for (const side of [1, 0] as const) {
      checker.receive(side, { seq: 1, senderId: 'ann', clientMessageId: 'not of this run' }, true);
    }
    finish(1);
    expect(failures(counts)).to.equal(0);
    expect(counts).to.include({ unanswered: 1, foreign: 2 });
  });
});
