import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { type PullLoop, type PullLoopOptions, startPullLoop } from '../../src/cluster/data/pull-loop.ts';

describe('the pull loop', () => {
  const loops: PullLoop[] = [];
  afterEach(() => {
    for (const loop of loops.splice(0)) loop.stop();
  });

  const start = (options: Partial<PullLoopOptions<number>>) => {
    const page = pageThatIs(true);
    const results: number[] = [];
    const failures: unknown[] = [];
    const loop = startPullLoop<number>({
      pull: async () => 1,
      onResult: (result) => results.push(result),
      onFailure: (reason) => failures.push(reason),
      visibility: page,
      intervalMs: 1,
      deadlineMs: 60_000,
      maxPauseMs: 4,
      ...options,
    });
    loops.push(loop);
    return { loop, page, results, failures };
  };

  it('pulls again and again, one request at a time', async () => {
    let underWay = 0;
    let most = 0;
    const { loop, results } = start({
      pull: async () => {
        underWay += 1;
        most = Math.max(most, underWay);
        await new Promise(setImmediate);
        underWay -= 1;
        return 1;
      },
    });
    await eventually(() => {
      loop.now();
      expect(results.length).to.be.greaterThan(3);
    });
    expect(most).to.equal(1);
  });

  it('pulls nothing while the page is hidden, and at once when it is visible again', async () => {
    const { page, results, loop } = start({ intervalMs: 1_000_000, maxPauseMs: 1_000_000 });
    await eventually(() => expect(results).to.have.length(1));
    page.set(false);
    loop.now();
    expect(results).to.have.length(1);
    page.set(true);
    await eventually(() => expect(results).to.have.length(2));
  });

  it('aborts a pull after the deadline, reports it and continues', async () => {
    const signals: AbortSignal[] = [];
    const { results, failures } = start({
      deadlineMs: 1,
      pull: (signal) => {
        signals.push(signal);
        return signals.length === 1 ? new Promise<never>(() => {}) : Promise.resolve(2);
      },
    });
    await eventually(() => expect(results).to.include(2));
    expect(signals[0]?.aborted).to.equal(true);
    expect(failures).to.have.length(1);
    expect(failures[0]).to.have.property('name', 'TimeoutError');
  });

  it('continues after failures', async () => {
    let calls = 0;
    const { results, failures } = start({
      pull: async () => {
        calls += 1;
        if (calls < 4) throw new Error('away');
        return calls;
      },
    });
    await eventually(() => expect(results).to.include(4));
    expect(failures).to.have.length(3);
  });

  it('stops: the request under way is aborted and reports nothing', async () => {
    const signals: AbortSignal[] = [];
    const { loop, page, results, failures } = start({
      pull: (signal) => {
        signals.push(signal);
        return new Promise<never>(() => {});
      },
    });
    loop.stop();
    page.set(true);
    await new Promise(setImmediate);
    expect(signals).to.have.length(1);
    expect(signals[0]?.aborted).to.equal(true);
    expect([...results, ...failures]).to.deep.equal([]);
    expect(page.listeners()).to.equal(0);
  });
});

function pageThatIs(visible: boolean) {
  const listeners = new Set<() => void>();
  let now = visible;
  return {
    visible: () => now,
    onChange(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    set(next: boolean) {
      now = next;
      for (const listener of listeners) listener();
    },
    listeners: () => listeners.size,
  };
}
