import { expect } from 'chai';
import { EventOrder } from '../src/event-order.ts';

describe('the order of the events of a conversation', () => {
  it('distinguishes those that are in order, late or repeated on one connection', () => {
    const events = new EventOrder();
    const orders = [5, 6, 8, 7, 8, 7, 4, 9].map((seq) => events.add(seq));
    expect(orders).to.deep.equal(['next', 'next', 'next', 'late', 'repeated', 'repeated', 'late', 'next']);
  });
});
