import { expect } from 'chai';
import { EventOrder, SeqWindow } from '../src/seq-window.ts';

describe('the seq window of a device', () => {
  it('grows without gaps, and keeps the seqs beyond a gap', () => {
    const held = new SeqWindow();
    expect([1, 3, 3].map((seq) => held.add(seq))).to.deep.equal([true, true, false]);
    expect([held.upTo, held.newest, held.hasGap]).to.deep.equal([1, 3, true]);
    expect([2, 2].map((seq) => held.add(seq))).to.deep.equal([true, false]);
    expect([held.upTo, held.newest, held.hasGap]).to.deep.equal([3, 3, false]);
  });

  it('distinguishes events of a connection that are in order, late or repeated', () => {
    const events = new EventOrder();
    const orders = [5, 6, 8, 7, 8, 7, 4, 9].map((seq) => events.add(seq));
    expect(orders).to.deep.equal(['next', 'next', 'next', 'late', 'repeated', 'repeated', 'late', 'next']);
  });
});
