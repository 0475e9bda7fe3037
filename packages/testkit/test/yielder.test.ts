import { expect } from 'chai';
import { Yielder } from '../src/yielder.ts';

describe('a loop that is late', () => {
  it('yields to the event loop now and then, and not at each step', async () => {
    const yielder = new Yielder();
    let turns = 0;
    let steps = 0;
    const countTurn = () => {
      turns++;
      next = setImmediate(countTurn);
    };
    let next = setImmediate(countTurn);
    while (turns < 3) {
      await yielder.yieldWhenDue();
      steps++;
    }
    clearImmediate(next);
    expect(steps).to.be.greaterThan(100);
  });
});
