import { newUser } from '@chat-cluster/testkit';
import { Scene } from './scene.ts';
import { type Stage, startStage } from './stage.ts';

/** Time limit of the start of the stage, in ms. It takes 15 s on an idle machine. */
const START_MS = 400_000;

let users = 0;
let current: Promise<Stage> | undefined;

/**
 * Starts the stage before the tests of the describe block, unless another file of this process has started it, and stops
 * it after those of the last block. Returns a function that wraps a test: it gets a scene of its own, whose devices are
 * closed after it, and fails when one of their pages has reported a problem.
 */
export function useStage(): (run: (scene: Scene) => Promise<void>) => () => Promise<void> {
  users++;
  before(async function () {
    this.timeout(START_MS);
    current ??= startStage();
    await current;
  });
  after(async () => {
    users--;
    if (users === 0) await (await current)?.[Symbol.asyncDispose]();
  });
  return (run) =>
    async function (this: Mocha.Context) {
      if (!current) throw new Error('the stage is not started');
      const scene = new Scene(await current, { alice: newUser('alice'), bob: newUser('bob') });
      await scene.play(this.test?.title ?? '', run);
    };
}
