import { callByClock } from '@chat-cluster/testkit/lean-client';

export interface OpenLoop {
  /** Calls made so far. */
  readonly count: number;
  /** Ends the loop. Resolves when no further call follows. */
  stop(): Promise<void>;
}

/** Calls `act` with 0, 1, 2 … `perSecond` times a second, by the clock: it does not wait for earlier calls. */
export function openLoop(perSecond: number, act: (index: number) => void): OpenLoop {
  let count = 0;
  let stopped = false;
  const isOver = () => stopped;
  const loop = callByClock(performance.now(), 1_000 / perSecond, isOver, () => act(count++));
  return {
    get count() {
      return count;
    },
    async stop() {
      stopped = true;
      await loop;
    },
  };
}
