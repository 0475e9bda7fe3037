import { setImmediate as turn } from 'node:timers/promises';
import { DeadlineError, withDeadline } from '@chat-cluster/runtime';
import { expect } from 'chai';

const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

describe('withDeadline', () => {
  it('returns the result or the error of the work, and leaves no timer behind', async () => {
    // Mocha sets its own timer when the test first waits.
    await turn();
    const before = timers();
    expect(await withDeadline(Promise.resolve(7), 60_000, 'fast')).to.equal(7);
    const error = await withDeadline(Promise.reject(new Error('broken')), 60_000, 'fast').catch((thrown) => thrown);
    expect(error).to.be.an('error').with.property('message', 'broken');
    expect(timers()).to.equal(before);
  });

  it('rejects when the work does not end in time, and names the work and the time', async () => {
    const error = await withDeadline(new Promise(() => {}), 5, 'publish').catch((thrown) => thrown);
    expect(error).to.be.instanceOf(DeadlineError).with.property('message', 'publish: no answer within 5 ms');
  });

  it('ignores a failure after the deadline', async () => {
    const unhandled: unknown[] = [];
    const record = (reason: unknown) => unhandled.push(reason);
    // Mocha's own listener would end the run.
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', record);
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
