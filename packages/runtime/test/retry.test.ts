import { backoff, type Logger, logFirstFailure, retry } from '@chat-cluster/runtime';
import { expect } from 'chai';

describe('retry', () => {
  const random = Math.random;
  afterEach(() => {
    Math.random = random;
  });

  /** Work that fails this many times, then succeeds. */
  function failing(times: number) {
    let runs = 0;
    return async () => {
      if (runs++ < times) throw new Error(`failure ${runs}`);
      return `run ${runs}`;
    };
  }

  it('resolves with the result of the first attempt that succeeds', async () => {
    const failures: unknown[] = [];
    const onFailure = (error: unknown, attempt: number) => failures.push([String(error), attempt]);
    expect(await retry(failing(0), { onFailure })).to.equal('run 1');
    expect(failures).to.deep.equal([]);
    expect(await retry(failing(2), { minMs: 1, maxMs: 1, onFailure })).to.equal('run 3');
    expect(failures).to.deep.equal([
      ['Error: failure 1', 0],
      ['Error: failure 2', 1],
    ]);
  });

  it('waits between its bounds, longer with each attempt', async () => {
    Math.random = () => 1;
    const at: number[] = [];
    await retry(failing(4), { minMs: 8, maxMs: 20, onFailure: () => at.push(performance.now()) });
    at.push(performance.now());
    const waits = at.slice(1).map((time, i) => time - (at[i] ?? 0));
    // 8, 16, 20 and 20 ms. A timer may fire up to a millisecond early.
    for (const [i, least] of [7, 15, 19, 19].entries()) expect(waits[i], `wait ${i}`).to.be.within(least, 2_000);
  });

  it('ends its wait when the signal aborts', async () => {
    const stop = new AbortController();
    const options = { minMs: 3_600_000, maxMs: 3_600_000, signal: stop.signal, onFailure: () => stop.abort() };
    const error = await retry(failing(1), options).catch((thrown) => thrown);
    expect(error).to.have.property('name', 'AbortError');
  });

  it('ends with the error that onFailure throws', async () => {
    const giveUp = (_: unknown, attempt: number) => {
      if (attempt === 1) throw new Error('gave up');
    };
    const error = await retry(failing(9), { minMs: 1, maxMs: 1, onFailure: giveUp }).catch((thrown) => thrown);
    expect(error).to.have.property('message', 'gave up');
  });

  it('logs only the first failure of a series with logFirstFailure', async () => {
    const lines: unknown[] = [];
    const logger = { warn: (...line: unknown[]) => lines.push(line) } as unknown as Logger;
    await retry(failing(3), { minMs: 1, maxMs: 1, onFailure: logFirstFailure(logger, 'lanes') });
    expect(lines).to.deep.equal([[{ reason: 'Error: failure 1' }, 'lanes: failed, retrying']]);
  });
});

describe('backoff', () => {
  const random = Math.random;
  afterEach(() => {
    Math.random = random;
  });

  async function waited(attempt: number, baseMs: number, capMs: number): Promise<number> {
    const started = performance.now();
    await backoff(attempt, baseMs, capMs);
    return performance.now() - started;
  }

  it('doubles its upper bound with each attempt', async () => {
    Math.random = () => 1;
    // A timer may fire up to a millisecond early.
    expect(await waited(0, 8, 1_000_000)).to.be.at.least(7);
    expect(await waited(3, 8, 1_000_000)).to.be.at.least(63);
  });

  it('never waits longer than its cap, whatever the attempt', async () => {
    Math.random = () => 1;
    // Without the cap: days.
    expect(await waited(20, 1_000, 10)).to.be.within(9, 2_000);
    expect(await waited(5_000, 1_000, 10)).to.be.within(9, 2_000);
  });

  it('waits for a random part of its upper bound', async () => {
    Math.random = () => 0;
    // The upper bound is a minute.
    expect(await waited(0, 60_000, 60_000)).to.be.below(2_000);
  });

  it('rejects as soon as its signal aborts, and at once when it already has', async () => {
    const controller = new AbortController();
    const waiting = backoff(0, 3_600_000, 3_600_000, controller.signal).catch((error) => error);
    controller.abort(new Error('stopping'));
    for (const error of [await waiting, await backoff(0, 3_600_000, 3_600_000, controller.signal).catch((e) => e)]) {
      expect(error).to.have.property('name', 'AbortError');
      expect(error.cause).to.have.property('message', 'stopping');
    }
  });
});
