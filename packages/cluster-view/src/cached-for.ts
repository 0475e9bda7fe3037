/**
 * `work` that runs at most once per `ms` milliseconds, whatever the number of calls, and never twice at once. A
 * rejection is not kept.
 */
export function cachedFor<T>(ms: number, work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let last: { value: T; at: number } | undefined;
  return async () => {
    if (last && performance.now() - last.at < ms) return last.value;
    running ??= work().finally(() => {
      running = undefined;
    });
    const value = await running;
    last = { value, at: performance.now() };
    return value;
  };
}
