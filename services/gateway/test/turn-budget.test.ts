import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { TurnBudget } from '../src/socket/turn-budget.ts';

describe('the budget of a turn', () => {
  it('bears a burst, and is spent when turns stay late', async () => {
    const turn = new TurnBudget();
    const spent: boolean[] = [];
    for (let i = 0; i < 4; i++) {
      turn.isSpent();
      work(150);
      spent.push(turn.isSpent());
      await nextTurn();
    }
    expect(spent).to.deep.equal([false, true, true, true]);
  });

  it('takes in what comes at the beginning of a turn, however late the turns before were', async () => {
    const turn = new TurnBudget();
    turn.isSpent();
    work(600);
    expect(turn.isSpent()).to.equal(true);
    await nextTurn();
    expect(turn.isSpent()).to.equal(false);
  });

  it('forgets late turns after one in time, and after a rest', async () => {
    const turn = new TurnBudget();
    for (const pause of [() => turn.isSpent(), () => work(110)]) {
      turn.isSpent();
      work(600);
      await nextTurn();
      pause();
      await nextTurn();
      turn.isSpent();
      work(150);
      expect(turn.isSpent()).to.equal(false);
      await nextTurn();
    }
  });
});

/** Keeps the event loop busy. */
function work(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
