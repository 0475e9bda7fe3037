export interface Repetition {
  /** Runs the work now. While a run is under way, one more follows it. */
  now(): void;
  /** Ends the repetition. Resolves when the run under way, if any, has ended. */
  stop(): Promise<void>;
}

/**
 * Runs `work` every `ms` milliseconds, the first time after `ms`, and never two runs at once: a run that takes longer than
 * `ms` skips the rounds it covers. A rejection is handed to `onError` (default: ignored) and does not end the repetition.
 * The timer does not keep the process alive.
 */
export function every(ms: number, work: () => unknown, onError: (error: unknown) => void = () => {}): Repetition {
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  const start = () => {
    running = Promise.try(work)
      .then(() => {}, onError)
      .then(() => {
        running = undefined;
        if (!again || stopped) return;
        again = false;
        start();
      });
  };
  const timer = setInterval(() => running ?? start(), ms);
  timer.unref();
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
