import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { RetryingKeySet } from '../src/presence/retrying-key-set.ts';
import { visitInRounds } from '../src/presence/visit-in-rounds.ts';

describe('RetryingKeySet', () => {
  const ignore = () => {};

  it('runs batches of 500, one at a time, each key once', async () => {
    const batches: number[][] = [];
    let inProgress = 0;
    const keySet = new RetryingKeySet<number>(async (keys) => {
      expect(++inProgress).to.equal(1);
      await new Promise((resolve) => setImmediate(resolve));
      inProgress--;
      batches.push(keys);
    }, ignore);
    for (let i = 0; i < 3_600; i++) keySet.add(i % 1_200);
    await keySet.idle();
    expect(batches.map((keys) => keys.length)).to.deep.equal([500, 500, 200]);
    expect(batches.flat()).to.deep.equal(Array.from({ length: 1_200 }, (_, i) => i));
  });

  it('runs a key again that is added while its batch is in progress', async () => {
    let seen = 0;
    const keySet = new RetryingKeySet<string>(async () => {
      if (++seen === 1) keySet.add('a');
    }, ignore);
    keySet.add('a');
    await keySet.idle();
    expect(seen).to.equal(2);
  });

  it('retries until the work succeeds', async () => {
    const failures: number[] = [];
    let done: string[] = [];
    const keySet = new RetryingKeySet<string>(
      async (keys) => {
        if (failures.length < 3) throw new Error('not yet');
        done = keys;
      },
      (_, attempt) => failures.push(attempt),
    );
    keySet.add('a');
    await eventually(() => expect(failures.length).to.be.greaterThan(0));
    keySet.add('b');
    await keySet.idle();
    expect(failures).to.deep.equal([0, 1, 2]);
    expect(done.toSorted()).to.deep.equal(['a', 'b']);
  });

  it('ends with stop, also during a back-off', async () => {
    const keySet = new RetryingKeySet<string>(
      () => Promise.reject(new Error('never')),
      () => keySet.stop(),
    );
    keySet.add('a');
    await keySet.idle();
    keySet.add('b');
    expect(keySet.size).to.equal(0);
  });
});

describe('visitInRounds', () => {
  it('visits every key of a map, even while keys are added and removed', async () => {
    const map = new Map(Array.from({ length: 30 }, (_, i) => [i, undefined]));
    const visited = new Set<number>();
    const visits = visitInRounds(map, 2_000, (key) => {
      visited.add(key);
      map.delete(0);
      map.set(30, undefined);
    });
    await eventually(() => expect([...visited].toSorted((a, b) => a - b)).to.deep.equal([...Array(31).keys()]));
    await visits.stop();
  });
});
