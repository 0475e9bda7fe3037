import { every } from '@chat-cluster/runtime';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';

describe('every', () => {
  /** Work whose runs end when the test ends them. */
  function gatedWork() {
    const runs: PromiseWithResolvers<void>[] = [];
    let inProgress = 0;
    const work = async () => {
      expect(++inProgress, 'runs at once').to.equal(1);
      const run = Promise.withResolvers<void>();
      runs.push(run);
      await run.promise.finally(() => inProgress--);
    };
    return { runs, work };
  }

  it('repeats the work, first after the interval', async () => {
    let runs = 0;
    const repetition = every(5, () => runs++);
    expect(runs).to.equal(0);
    await eventually(() => expect(runs).to.be.at.least(3));
    await repetition.stop();
  });

  it('never runs the work twice at once', async () => {
    const { runs, work } = gatedWork();
    const repetition = every(1, work);
    await eventually(() => expect(runs).to.have.length(1));
    const started = performance.now();
    await eventually(() => expect(performance.now() - started).to.be.above(20));
    expect(runs).to.have.length(1);
    runs[0]?.resolve();
    await eventually(() => expect(runs).to.have.length(2));
    runs[1]?.resolve();
    await repetition.stop();
  });

  it('runs at once with now(), and exactly once more for every now() during a run', async () => {
    const { runs, work } = gatedWork();
    const repetition = every(3_600_000, work);
    repetition.now();
    expect(runs).to.have.length(1);
    repetition.now();
    repetition.now();
    expect(runs).to.have.length(1);
    runs[0]?.resolve();
    await eventually(() => expect(runs).to.have.length(2));
    runs[1]?.resolve();
    await repetition.stop();
    expect(runs).to.have.length(2);
  });

  it('continues after a failure, and reports it', async () => {
    const errors: string[] = [];
    let runs = 0;
    const work = () => {
      if (++runs === 1) throw new Error('thrown');
      return runs === 2 ? Promise.reject(new Error('rejected')) : undefined;
    };
    const repetition = every(1, work, (error) => errors.push((error as Error).message));
    await eventually(() => expect(runs).to.be.at.least(3));
    await repetition.stop();
    expect(errors).to.deep.equal(['thrown', 'rejected']);
  });

  it('waits for the run in progress when it stops, and starts no other', async () => {
    const { runs, work } = gatedWork();
    const repetition = every(3_600_000, work);
    repetition.now();
    repetition.now();
    let stopped = false;
    const stopping = repetition.stop().then(() => {
      stopped = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(stopped).to.equal(false);
    runs[0]?.resolve();
    await stopping;
    repetition.now();
    expect(runs).to.have.length(1);
  });
});
