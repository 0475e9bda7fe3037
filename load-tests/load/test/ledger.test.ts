import { expect } from 'chai';
import type { Counts } from '../src/counts.ts';
import { wrongs } from '../src/counts.ts';
import type { Side } from '../src/entry.ts';
import { Ledger } from '../src/ledger.ts';
import { Meter } from '../src/meter.ts';

/** A conversation of ann and bob in which both have begun, with the moves that a test makes. */
function conversation() {
  const meter = new Meter();
  const ledger = new Ledger('talk', ['ann', 'bob'], 'run', meter);
  const users = ['ann', 'bob'];
  for (const side of [0, 1] as const) {
    ledger.startAt(side, 0);
    ledger.connected(side);
  }
  return {
    ledger,
    counts: meter.counts as Counts,
    send(sender: Side, connection = 1) {
      const entry = ledger.begin(sender, performance.now());
      ledger.attempt(entry, connection);
      const message = (seq: number) => ({
        seq,
        senderId: users[sender] as string,
        clientMessageId: ledger.clientMessageId(entry),
      });
      return {
        entry,
        ack: (seq: number) => ledger.ack(entry, seq),
        live: (side: Side, seq: number) => ledger.hear(side, message(seq), true),
        synced: (side: Side, seq: number) => ledger.hear(side, message(seq), false),
        /** As it should be. */
        all(seq: number) {
          this.live(0, seq);
          this.live(1, seq);
          this.ack(seq);
        },
      };
    },
    end(lastSeq: number) {
      for (const place of ledger.places) place.lastSeq = lastSeq;
      ledger.settle([true, true]);
    },
  };
}

describe('the ledger of a conversation', () => {
  it('finds nothing where everything is right, and keeps nothing of it', () => {
    const { ledger, send, end, counts } = conversation();
    for (let seq = 1; seq <= 5; seq++) send((seq % 2) as Side).all(seq);
    expect(ledger.atRest).to.equal(true);
    end(5);
    expect(wrongs(counts)).to.equal(0);
    expect(counts).to.include({ sent: 5, acked: 5, delivered: 5, repeated: 0, bySync: 0 });
    expect([ledger.unreadOf(0), ledger.unreadOf(1)]).to.deep.equal([3, 2]);
    ledger.read(0, 3);
    expect(ledger.unreadOf(0)).to.equal(1);
  });

  it('finds a dropped delivery, and none when the sync brings it', () => {
    for (const healed of [true, false]) {
      const { send, end, counts, ledger } = conversation();
      const message = send(0);
      message.live(0, 1);
      message.ack(1);
      expect(ledger.missing(-1)).to.equal(1);
      if (healed) message.synced(1, 1);
      end(1);
      expect(counts).to.include(healed ? { lost: 0, gaps: 0, bySync: 1 } : { lost: 1, gaps: 1, bySync: 0 });
    }
  });

  it('finds an acknowledged message that nobody has, and one that vanished from the store', () => {
    const { send, end, counts } = conversation();
    send(0).all(1);
    send(0).ack(2);
    end(1);
    expect(counts.lost, 'at either device').to.equal(2);

    const later = conversation();
    later.send(0).all(1);
    later.end(0);
    expect(later.counts.lost).to.equal(2);
  });

  it('finds a message stored twice, before and after it is struck off, and acks that differ', () => {
    const { send, counts } = conversation();
    const early = send(0);
    early.live(0, 1);
    early.live(0, 2);
    expect(counts.duplicated).to.equal(1);

    const struckOff = conversation();
    const message = struckOff.send(0);
    message.all(1);
    message.live(1, 2);
    expect(struckOff.counts.duplicated).to.equal(1);

    const acks = conversation();
    const twice = acks.send(0);
    twice.ack(1);
    twice.ack(2);
    expect(acks.counts.duplicated).to.equal(1);
  });

  it('tells a delivery that came again on one connection from one that came again after a reconnect', () => {
    const { send, counts, ledger } = conversation();
    const message = send(0);
    message.all(1);
    message.live(1, 1);
    expect(counts).to.include({ repeated: 1, duplicated: 0 });
    ledger.connected(1);
    message.live(1, 1);
    expect(counts).to.include({ repeated: 1 });
  });

  it('finds deliveries in another order, but none behind a sync or a reconnect', () => {
    const { send, counts, ledger } = conversation();
    const messages = [1, 2, 3].map(() => send(0));
    const [first, second, third] = messages;
    first?.live(1, 1);
    third?.live(1, 3);
    second?.live(1, 2);
    expect(counts.outOfOrder).to.equal(1);

    for (const message of [first, second, third]) message?.synced(0, 1 + messages.indexOf(message));
    third?.live(0, 3);
    second?.live(0, 2);
    ledger.connected(0);
    first?.live(0, 1);
    expect(counts.outOfOrder).to.equal(1);
  });

  it("finds a sender's messages stored in another order than they were sent", () => {
    const pipelined = conversation();
    const [first, second] = [pipelined.send(0), pipelined.send(0)];
    second.ack(1);
    first.ack(2);
    expect(pipelined.counts.outOfOrder).to.equal(1);

    const waited = conversation();
    waited.send(0).ack(2);
    waited.send(0, 2).ack(1);
    expect(waited.counts.outOfOrder, 'sent after the ack of the other').to.equal(1);

    const resent = conversation();
    const [failed, later] = [resent.send(0), resent.send(0)];
    later.ack(1);
    resent.ledger.attempt(failed.entry, 1);
    failed.ack(2);
    expect(resent.counts.outOfOrder, 'what had to be sent again').to.equal(0);
  });

  it('finds a hole, and a seq that two messages have', () => {
    const hole = conversation();
    hole.send(0).all(1);
    hole.send(0).all(3);
    hole.end(3);
    expect(hole.counts.gaps, 'at both devices').to.equal(2);

    const shared = conversation();
    shared.send(0).all(1);
    shared.send(1).live(0, 1);
    expect(shared.counts.gaps).to.equal(1);
  });

  it('finds a message that is stored although it was refused for good', () => {
    const { send, ledger, counts } = conversation();
    const message = send(0);
    ledger.refuse(message.entry);
    message.live(1, 1);
    expect(counts).to.include({ unexpected: 1, duplicated: 0 });
  });

  it('does not call what nobody acknowledged lost, nor what others wrote its own', () => {
    const { send, ledger, end, counts } = conversation();
    send(0);
    ledger.giveUp(send(0).entry);
    ledger.hear(1, { seq: 1, senderId: 'ann', clientMessageId: 'of somebody' }, true);
    ledger.hear(0, { seq: 1, senderId: 'ann', clientMessageId: 'of somebody' }, true);
    end(1);
    expect(wrongs(counts)).to.equal(0);
    expect(counts).to.include({ unanswered: 1, foreign: 2 });
  });
});
