import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { RetryingKeySet, rounds } from '../src/presence/retrying-key-set.ts';

describe('presence marks', () => {
  const ignore = () => {};

  it('are worked off in batches of 500, one at a time, each key once', async () => {
    const batches: number[][] = [];
    let underWay = 0;
    const marks = new RetryingKeySet<number>(async (keys) => {
      expect(++underWay).to.equal(1);
      await new Promise((resolve) => setImmediate(resolve));
      underWay--;
      batches.push(keys);
    }, ignore);
    for (let i = 0; i < 3_600; i++) marks.add(i % 1_200);
    await marks.idle();
    expect(batches.map((keys) => keys.length)).to.deep.equal([500, 500, 200]);
    expect(batches.flat()).to.deep.equal(Array.from({ length: 1_200 }, (_, i) => i));
  });

  it('are worked off once more when they come while their batch is under way', async () => {
    let seen = 0;
    const marks = new RetryingKeySet<string>(async () => {
      if (++seen === 1) marks.add('a');
    }, ignore);
    marks.add('a');
    await marks.idle();
    expect(seen).to.equal(2);
  });

  it('are tried again until the work succeeds', async () => {
    const failures: number[] = [];
    let done: string[] = [];
    const marks = new RetryingKeySet<string>(
      async (keys) => {
        if (failures.length < 3) throw new Error('not yet');
        done = keys;
      },
      (_, attempt) => failures.push(attempt),
    );
    marks.add('a');
    await eventually(() => expect(failures.length).to.be.greaterThan(0));
    marks.add('b');
    await marks.idle();
    expect(failures).to.deep.equal([0, 1, 2]);
    expect(done.toSorted()).to.deep.equal(['a', 'b']);
  });

  it('end with a stop, also in the middle of a back-off', async () => {
    const marks = new RetryingKeySet<string>(
      () => Promise.reject(new Error('never')),
      () => marks.stop(),
    );
    marks.add('a');
    await marks.idle();
    marks.add('b');
    expect(marks.size).to.equal(0);
  });

  it('come round to every key of a map, whatever comes and goes', async () => {
    const map = new Map(Array.from({ length: 30 }, (_, i) => [i, undefined]));
    const visited = new Set<number>();
    const end = rounds(map, 2_000, (key) => {
      visited.add(key);
      map.delete(0);
      map.set(30, undefined);
    });
    await eventually(() => expect([...visited].toSorted((a, b) => a - b)).to.deep.equal([...Array(31).keys()]));
    end();
  });
});
