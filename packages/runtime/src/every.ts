/**
 * Runs `work` every `ms` milliseconds, first after `ms`, and never twice at once: rounds that fall due during a run are
 * left out. A rejection goes to `onError`, which must not throw (default: ignored), and does not end
 * the repetition. The timer does not keep the process alive.
 */
export function every(ms: number, work: () => unknown, onError: (error: unknown) => void = () => {}): Repetition {
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  const start = () => {
    const run = Promise.try(work).catch(onError);
    running = run.then(() => {
      running = undefined;
      if (!again || stopped) return;
      again = false;
      start();
    });
  };
  const timer = setInterval(() => running ?? start(), ms).unref();
  return {
    now() {
      if (stopped) return;
      if (running) again = true;
      else start();
    },
    async stop() {
      stopped = true;
      clearInterval(timer);
      await running;
    },
  };
}

export interface Repetition {
  /** Starts a run now. While a run is in progress, exactly one more follows it, however often this is called. */
  now(): void;
  /** Ends the repetition. Resolves when the run in progress, if any, has ended. Never rejects. */
  stop(): Promise<void>;
}
