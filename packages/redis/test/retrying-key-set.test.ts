import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { RetryingKeySet } from '../src/presence/retrying-key-set.ts';
import { visitInRounds } from '../src/presence/visit-in-rounds.ts';
import { memoryLogger } from './clients.ts';

describe('RetryingKeySet', () => {
  const keySetOf = <Key>(work: (keys: Key[]) => Promise<void>, logger = memoryLogger().logger) =>
    new RetryingKeySet(work, logger, 'test');

  it('runs batches of 500, one at a time, each key once', async () => {
    const batches: number[][] = [];
    let inProgress = 0;
    const keySet = keySetOf<number>(async (keys) => {
      expect(++inProgress).to.equal(1);
      await new Promise((resolve) => setImmediate(resolve));
      inProgress--;
      batches.push(keys);
    });
    for (let i = 0; i < 3_600; i++) keySet.add(i % 1_200);
    await keySet.idle();
    expect(batches.map((keys) => keys.length)).to.deep.equal([500, 500, 200]);
    expect(batches.flat()).to.deep.equal(Array.from({ length: 1_200 }, (_, i) => i));
  });

  it('runs a key again that is added while its batch is in progress', async () => {
    let seen = 0;
    const keySet = keySetOf<string>(async () => {
      if (++seen === 1) keySet.add('a');
    });
    keySet.add('a');
    await keySet.idle();
    expect(seen).to.equal(2);
  });

  it('retries until the work succeeds, and logs one line', async () => {
    const { logger, lines } = memoryLogger();
    let failures = 0;
    let done: string[] = [];
    const keySet = keySetOf<string>(async (keys) => {
      if (failures < 3) throw new Error(`failure ${++failures}`);
      done = keys;
    }, logger);
    keySet.add('a');
    await eventually(() => expect(failures).to.be.greaterThan(0));
    keySet.add('b');
    await keySet.idle();
    expect(done.toSorted()).to.deep.equal(['a', 'b']);
    expect(lines.map(({ text }) => text)).to.deep.equal(['test failed, retrying']);
  });

  it('ends with stop, also during a back-off', async () => {
    let failures = 0;
    const keySet = keySetOf<string>(() => Promise.reject(new Error(`failure ${++failures}`)));
    keySet.add('a');
    await eventually(() => expect(failures).to.be.greaterThan(1));
    keySet.stop();
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
