/** The visibility of the page. `onChange` returns a function that removes the listener. */
export interface Visibility {
  visible(): boolean;
  onChange(listener: () => void): () => void;
}

export interface PullLoopOptions<Result> {
  pull: (signal: AbortSignal) => Promise<Result>;
  onResult: (result: Result) => void;
  onFailure: (reason: unknown) => void;
  visibility: Visibility;
  /** Time from the end of one pull to the start of the next. */
  intervalMs: number;
  /** A pull that takes longer is aborted and fails. */
  deadlineMs: number;
  /** The pause doubles with each failure, up to this. */
  maxPauseMs: number;
}

export interface PullLoop {
  /** Pulls at once, unless a pull is under way or the page is hidden. */
  now(): void;
  stop(): void;
}

/**
 * Pulls while the page is visible, one request at a time. A hidden page sends nothing: a request under way ends, the
 * next one starts when the page is visible again. Failures make the pause longer, until a pull succeeds.
 */
export function startPullLoop<Result>(options: PullLoopOptions<Result>): PullLoop {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let underWay: AbortController | undefined;
  let failures = 0;
  let stopped = false;

  const pull = async () => {
    const controller = new AbortController();
    underWay = controller;
    const deadline = setTimeout(
      () => controller.abort(new DOMException('No answer in time', 'TimeoutError')),
      options.deadlineMs,
    );
    try {
      const result = await Promise.race([options.pull(controller.signal), aborted(controller.signal)]);
      failures = 0;
      if (!stopped) options.onResult(result);
    } catch (error) {
      failures += 1;
      if (!stopped) options.onFailure(error);
    } finally {
      clearTimeout(deadline);
      underWay = undefined;
    }
    plan();
  };
  const plan = () => {
    clearTimeout(timer);
    if (stopped || !options.visibility.visible()) return;
    timer = setTimeout(now, Math.min(options.intervalMs * 2 ** failures, options.maxPauseMs));
  };
  const now = () => {
    clearTimeout(timer);
    if (stopped || underWay || !options.visibility.visible()) return;
    void pull();
  };
  const forget = options.visibility.onChange(now);
  now();
  return {
    now,
    stop: () => {
      stopped = true;
      forget();
      clearTimeout(timer);
      underWay?.abort(new DOMException('The page no longer needs it', 'AbortError'));
    },
  };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
}
