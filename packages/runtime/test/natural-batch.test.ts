import { setImmediate as turn } from 'node:timers/promises';
import { NaturalBatch, type NaturalBatchOptions } from '@chat-cluster/runtime';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';

interface Run {
  items: string[];
  succeed(): void;
  end(results: string[]): void;
  fail(error: Error): void;
}

/** Batches whose runs end when the test ends them. */
function gated(options: Partial<NaturalBatchOptions<string, string>> = {}) {
  const runs: Run[] = [];
  const batches = new NaturalBatch<string, string>({
    run: (items) =>
      new Promise((resolve, reject) => {
        const succeed = () => resolve(items.map((item) => item.toUpperCase()));
        runs.push({ items, succeed, end: resolve, fail: reject });
      }),
    maxInFlight: 1,
    maxItems: 100,
    maxWaiting: 1_000,
    overflow: () => new Error('overflow'),
    ...options,
  });
  const started = () => runs.map((run) => run.items.join(''));
  /** Ends the run and waits for the consequences. */
  const finish = async (index: number, how: (run: Run) => void = (run) => run.succeed()) => {
    const run = runs[index];
    if (!run) throw new Error(`there is no run ${index}`);
    how(run);
    await turn();
  };
  const submit = (letters: string) =>
    [...letters].map((letter) => {
      const result = batches.submit(letter);
      // Some reject before the test awaits them.
      result.catch(() => {});
      return result;
    });
  return { batches, runs, started, finish, submit };
}

const reasons = async (promises: Promise<unknown>[]) =>
  (await Promise.allSettled(promises)).map((result) =>
    result.status === 'rejected' ? (result.reason as Error).message : result.value,
  );

describe('NaturalBatch', () => {
  it('starts a single item at the end of the turn when nothing is in flight', async () => {
    const { batches, started, finish } = gated();
    for (const [i, letter] of ['a', 'b', 'c'].entries()) {
      const result = batches.submit(letter);
      expect(started()).to.have.length(i);
      await turn();
      expect(started()[i]).to.equal(letter);
      await finish(i);
      expect(await result).to.equal(letter.toUpperCase());
    }
  });

  it('runs items of one turn as one batch', async () => {
    const { started, submit, finish } = gated();
    const results = submit('abc');
    await turn();
    expect(started()).to.deep.equal(['abc']);
    await finish(0);
    expect(await Promise.all(results)).to.deep.equal(['A', 'B', 'C']);
  });

  it('collects items while a batch is in flight, and starts all of them when it completes', async () => {
    const { batches, started, submit, finish } = gated();
    void submit('a');
    await turn();
    for (const letter of 'bcd') {
      void submit(letter);
      await turn();
    }
    expect(started()).to.deep.equal(['a']);
    expect(batches.waiting).to.equal(3);
    await finish(0);
    expect(started()).to.deep.equal(['a', 'bcd']);
    expect(batches.waiting).to.equal(0);
    await finish(1);
    void submit('e');
    await turn();
    expect(started()).to.deep.equal(['a', 'bcd', 'e']);
  });

  it('has at most maxInFlight batches in flight', async () => {
    const { started, submit, finish } = gated({ maxInFlight: 2 });
    for (const letters of ['a', 'b', 'c', 'd']) {
      void submit(letters);
      await turn();
    }
    expect(started()).to.deep.equal(['a', 'b']);
    await finish(1);
    expect(started()).to.deep.equal(['a', 'b', 'cd']);
    await finish(0);
    void submit('e');
    await turn();
    expect(started()).to.deep.equal(['a', 'b', 'cd', 'e']);
  });

  it('puts at most maxItems items into one batch', async () => {
    const { started, submit, finish } = gated({ maxItems: 3 });
    void submit('abcdefgh');
    await turn();
    expect(started()).to.deep.equal(['abc']);
    await finish(0);
    expect(started()).to.deep.equal(['abc', 'def']);
    await finish(1);
    expect(started()).to.deep.equal(['abc', 'def', 'gh']);
  });

  it('puts at most maxWeight of weight into one batch, but always one item', async () => {
    const weights: Record<string, number> = { a: 4, b: 6, c: 1, d: 50, e: 10, f: 1 };
    const { started, submit, finish } = gated({ maxWeight: 10, weigh: (item) => weights[item] ?? 0 });
    void submit('abcdef');
    await turn();
    for (let i = 0; i < 4; i++) await finish(i);
    expect(started()).to.deep.equal(['ab', 'c', 'd', 'e', 'f']);
  });

  it('rejects items past maxWaiting at once, never runs them, and accepts again when items have left', async () => {
    const { started, submit, finish } = gated({ maxWaiting: 2 });
    void submit('a');
    await turn();
    const waiting = submit('bc');
    expect(await reasons(submit('de'))).to.deep.equal(['overflow', 'overflow']);
    await finish(0);
    const later = submit('f');
    await finish(1);
    await finish(2);
    expect(await Promise.all([...waiting, ...later])).to.deep.equal(['B', 'C', 'F']);
    expect(started()).to.deep.equal(['a', 'bc', 'f']);
  });

  it('sheds excess items once the oldest has waited for maxWaitMs, unless the batch in flight hangs', async () => {
    const { batches, runs, submit, finish } = gated({ maxItems: 2, maxWaitMs: 40 });
    const burst = submit('abcdefghijklmnopqrstuvwxyz');
    await turn();
    // Far fewer than 24 items complete in 40 ms, since the first two take 20 ms and more.
    const startedAt = performance.now();
    await eventually(() => expect(performance.now() - startedAt).to.be.above(20));
    await finish(0);
    const outcome = () => Promise.race([reasons(submit('?')), turn(['accepted'])]);
    await eventually(async () => expect(await outcome()).to.deep.equal(['overflow']));
    // A second later the batch in flight hangs, so a new item waits for it like the others.
    await eventually(async () => expect(await outcome()).to.deep.equal(['accepted']));
    for (let i = 1; batches.waiting > 0; i++) await finish(i);
    await finish(runs.length - 1);
    expect(await Promise.all(burst)).to.have.length(26);
    const [later] = submit('z');
    await turn();
    await finish(runs.length - 1);
    expect(await later).to.equal('Z');
  });

  it('starts batches in the order of submission, and returns to each item its own result', async () => {
    const { started, submit, finish, runs } = gated({ maxItems: 7, maxInFlight: 2 });
    const letters = 'abcdefghijklmnopqrstuvwxyz';
    const results = submit(letters);
    await turn();
    // The younger of two batches in flight completes first.
    while (runs.length < 4) await finish(runs.length - 1);
    for (let i = 0; i < runs.length; i++) await finish(i);
    expect(started().join('')).to.equal(letters);
    expect((await Promise.all(results)).join('')).to.equal(letters.toUpperCase());
  });

  it('rejects only the items of a failed run; the next batch starts', async () => {
    const { submit, started, finish } = gated();
    const first = submit('ab');
    await turn();
    const second = submit('cd');
    await finish(0, (run) => run.fail(new Error('down')));
    await finish(1);
    expect(await reasons([...first, ...second])).to.deep.equal(['down', 'down', 'C', 'D']);
    void submit('e');
    await turn();
    expect(started()).to.deep.equal(['ab', 'cd', 'e']);
  });

  it('treats a run that throws synchronously as a failed run', async () => {
    let runs = 0;
    const { submit } = gated({
      run(items) {
        if (runs++ === 0) throw new Error('thrown');
        return Promise.resolve(items);
      },
    });
    const first = submit('a');
    await turn();
    expect(await reasons([...first, ...submit('b')])).to.deep.equal(['thrown', 'b']);
  });

  it('rejects a batch that returns too few or too many results; the next batch starts', async () => {
    const { submit, finish } = gated({ maxItems: 2 });
    const results = submit('abcdef');
    await turn();
    await finish(0, (run) => run.end(['A']));
    await finish(1, (run) => run.end(['C', 'D', '?']));
    await finish(2);
    expect(await reasons(results)).to.deep.equal([
      ...Array(2).fill('a batch of 2 returned 1 results'),
      ...Array(2).fill('a batch of 2 returned 3 results'),
      'E',
      'F',
    ]);
  });
});
