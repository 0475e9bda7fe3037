import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { TurnBudget } from '../src/socket/turn-budget.ts';

describe('the budget of a turn', () => {
  it('is spent by a turn that lasts, and whole again in the next', async () => {
    const turn = new TurnBudget();
    expect(turn.isSpent()).to.equal(false);
    const until = performance.now() + 110;
    while (performance.now() < until);
    expect(turn.isSpent()).to.equal(true);
    await nextTurn();
    expect(turn.isSpent()).to.equal(false);
  });

  it('is not spent by what takes long between two turns', async () => {
    const turn = new TurnBudget();
    expect(turn.isSpent()).to.equal(false);
    await nextTurn();
    const until = performance.now() + 110;
    while (performance.now() < until);
    expect(turn.isSpent()).to.equal(false);
  });
});
