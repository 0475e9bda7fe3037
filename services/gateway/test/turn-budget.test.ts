import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { TurnBudget } from '../src/socket/events/turn-budget.ts';

describe('the budget of a turn', () => {
  let now = 1_000;
  /** Keeps the event loop busy. */
  const work = (ms: number) => {
    now += ms;
  };

  it('tolerates a burst, and is spent when turns stay late', async () => {
    const turn = new TurnBudget(() => now);
    const spent: boolean[] = [];
    for (let i = 0; i < 5; i++) {
      turn.isSpent();
      work(300);
      spent.push(turn.isSpent());
      await nextTurn();
    }
    expect(spent).to.deep.equal([false, false, false, true, true]);
  });

  it('accepts events at the start of a turn, however late earlier turns were', async () => {
    const turn = new TurnBudget(() => now);
    turn.isSpent();
    work(1_100);
    expect(turn.isSpent()).to.equal(true);
    await nextTurn();
    expect(turn.isSpent()).to.equal(false);
  });

  it('keeps the overloaded state after turns in time', async () => {
    const turn = new TurnBudget(() => now);
    turn.isSpent();
    work(1_100);
    turn.isSpent();
    await nextTurn();
    turn.isSpent();
    await nextTurn();
    turn.isSpent();
    work(150);
    expect(turn.isSpent()).to.equal(true);
  });

  it('forgets late turns without overload after a turn in time, and after a rest', async () => {
    const turn = new TurnBudget(() => now);
    for (const pause of [() => turn.isSpent(), () => work(110)]) {
      turn.isSpent();
      work(900);
      await nextTurn();
      pause();
      await nextTurn();
      turn.isSpent();
      work(200);
      expect(turn.isSpent()).to.equal(false);
      await nextTurn();
    }
  });
});
