import type { FailureAck } from '@chat-cluster/contracts';

/** One connection. */
export interface Wire {
  /** Sends an event. `onAnswer` receives its ack, which may never come. */
  call<Answer extends { ok: true }>(
    event: string,
    payload: object,
    onAnswer: (answer: Answer | FailureAck) => void,
  ): void;
}

/** The server will refuse it again. A refusal of the token ends the connection; the next one has another token. */
export function isFinal({ code, retryable }: FailureAck['error']): boolean {
  return !retryable && !code.startsWith('TOKEN_');
}

/** Time and chance. A seam for tests. */
export interface Clock {
  /** Wall clock, in ms since 1970. */
  now(): number;
  /** Calls `run` once after `ms`. Returns a function that cancels it. */
  after(ms: number, run: () => void): () => void;
  /** A number from 0 to 1, for jitter. */
  random(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    // Longer delays than 2^31 - 1 ms would fire at once.
    const timer = setTimeout(run, Math.min(ms, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

/** Longest back-off, in ms. */
const LONGEST_MS = 30_000;

/** Full jitter: any time up to a bound that doubles with each attempt, in ms. */
export function backOffMs(clock: Clock, attempt: number, firstMs: number, longestMs: number = LONGEST_MS): number {
  return clock.random() * Math.min(longestMs, firstMs * 2 ** attempt);
}

/** Pause after a refusal, in ms: never shorter than the server demands, and not the same for all clients. */
export function pauseMs(clock: Clock, retryAfterMs: number | undefined, refusals: number, firstMs: number): number {
  return retryAfterMs === undefined
    ? firstMs / 4 + backOffMs(clock, refusals, firstMs)
    : retryAfterMs * (1 + clock.random() / 4);
}
