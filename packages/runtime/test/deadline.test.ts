import { setImmediate as turn } from 'node:timers/promises';
import { backoff, DeadlineError, withDeadline } from '@chat-cluster/runtime';
import { expect } from 'chai';

const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

describe('deadline', () => {
  it('passes on what the work resolves or rejects with, and leaves no timer behind', async () => {
    // Mocha sets its own timer when the test first waits.
    await turn();
    const before = timers();
    expect(await withDeadline(Promise.resolve(7), 60_000, 'quick')).to.equal(7);
    const error = await withDeadline(Promise.reject(new Error('broken')), 60_000, 'quick').catch((thrown) => thrown);
    expect(error).to.be.an('error').with.property('message', 'broken');
    expect(timers()).to.equal(before);
  });

  it('rejects work that does not end, with what was awaited and for how long', async () => {
    const error = await withDeadline(new Promise(() => {}), 5, 'publish').catch((thrown) => thrown);
    expect(error).to.be.instanceOf(DeadlineError).with.property('message', 'publish: no answer within 5 ms');
  });

  it('swallows a failure that comes after the deadline', async () => {
    const unhandled: unknown[] = [];
    const hear = (reason: unknown) => unhandled.push(reason);
    // Mocha's own listener would end the run.
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', hear);
    try {
      let fail: (error: Error) => void = () => {};
      const work = new Promise((_, reject) => {
        fail = reject;
      });
      await withDeadline(work, 1, 'slow').catch(() => {});
      fail(new Error('late'));
      await turn();
      await turn();
      expect(unhandled).to.deep.equal([]);
    } finally {
      process.removeAllListeners('unhandledRejection');
      for (const listener of others) process.on('unhandledRejection', listener);
    }
  });
});

describe('back-off', () => {
  const random = Math.random;
  afterEach(() => {
    Math.random = random;
  });

  async function waited(attempt: number, baseMs: number, capMs: number): Promise<number> {
    const started = performance.now();
    await backoff(attempt, baseMs, capMs);
    return performance.now() - started;
  }

  it('doubles its ceiling with each attempt', async () => {
    Math.random = () => 1;
    // A timer may fire up to a millisecond early.
    expect(await waited(0, 8, 1_000_000)).to.be.at.least(7);
    expect(await waited(3, 8, 1_000_000)).to.be.at.least(63);
  });

  it('never waits longer than its cap, however many attempts', async () => {
    Math.random = () => 1;
    // Without the cap, days.
    expect(await waited(20, 1_000, 10)).to.be.within(9, 2_000);
    expect(await waited(5_000, 1_000, 10)).to.be.within(9, 2_000);
  });

  it('waits any part of its ceiling, so that many who failed together do not come back together', async () => {
    Math.random = () => 0;
    // The ceiling is a minute.
    expect(await waited(0, 60_000, 60_000)).to.be.below(2_000);
  });

  it('ends with a rejection as soon as its signal aborts, also when it had before', async () => {
    const controller = new AbortController();
    const waiting = backoff(0, 3_600_000, 3_600_000, controller.signal).catch((error) => error);
    controller.abort(new Error('stopping'));
    for (const error of [await waiting, await backoff(0, 3_600_000, 3_600_000, controller.signal).catch((e) => e)]) {
      expect(error).to.have.property('name', 'AbortError');
      expect(error.cause).to.have.property('message', 'stopping');
    }
  });
});
