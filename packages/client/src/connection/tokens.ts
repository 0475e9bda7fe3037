import type { Clock } from '../core/seams.ts';
import type { GetToken, TokenReason } from '../types.ts';

/** Time after which `getToken` counts as failed, in ms. */
const LIMIT_MS = 30_000;
/** Part of its remaining life at which a token is replaced before its expiry, and the longest such time in ms. */
const MARGIN = { part: 0.1, longestMs: 60_000 };

/**
 * Tokens of the application. `getToken` runs once at a time. Its result is used until shortly before its `exp`, or until
 * the server refuses it; a lost connection needs no new token.
 */
export class Tokens {
  #getToken: GetToken;
  #clock: Clock;
  #token: string | undefined;
  /** From here on the token is not used for another connection, in ms since 1970. */
  #renewAt = 0;
  #reason: TokenReason = 'first';
  #pending: { promise: Promise<string | null>; abort: AbortController } | undefined;

  constructor(getToken: GetToken, clock: Clock) {
    this.#getToken = getToken;
    this.#clock = clock;
  }

  /** Resolves with a token that may be used, or null when no user is signed in. Rejects with what `getToken` throws. */
  get(): Promise<string | null> {
    if (this.#token !== undefined && this.#clock.now() < this.#renewAt) return Promise.resolve(this.#token);
    if (this.#token !== undefined) this.replace('expiring');
    return this.#fetch();
  }

  /** The present token cannot be used again: the next `get` fetches another one. */
  replace(reason: TokenReason): void {
    this.#token = undefined;
    this.#reason = reason;
  }

  /** Ends a call of `getToken`. Its result is dropped. */
  abort(): void {
    this.#pending?.abort.abort();
    this.#pending = undefined;
  }

  #fetch(): Promise<string | null> {
    if (this.#pending) return this.#pending.promise;
    const abort = new AbortController();
    const promise = this.#call(abort).then(
      (token) => {
        if (this.#pending?.abort === abort) {
          this.#pending = undefined;
          if (token !== null) this.#keep(token);
        }
        return token;
      },
      (error: unknown) => {
        if (this.#pending?.abort === abort) this.#pending = undefined;
        throw error;
      },
    );
    this.#pending = { promise, abort };
    return promise;
  }

  async #call(abort: AbortController): Promise<string | null> {
    const { signal } = abort;
    let cancel = () => {};
    const ended = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('it was ended')));
      cancel = this.#clock.after(LIMIT_MS, () => {
        reject(new Error(`it has not resolved within ${LIMIT_MS / 1_000} s`));
        abort.abort();
      });
    });
    try {
      const reason = this.#reason;
      // In a function of its own, since it may throw instead of rejecting.
      const token = await Promise.race([(async () => this.#getToken({ reason, signal }))(), ended]);
      if (token !== null && (typeof token !== 'string' || token === '')) {
        throw new TypeError('it resolved with neither a JWT nor null');
      }
      return token;
    } finally {
      cancel();
    }
  }

  #keep(token: string): void {
    this.#token = token;
    const lifeMs = expiryOf(token) - this.#clock.now();
    const margin = Math.min(MARGIN.longestMs, lifeMs * MARGIN.part) * (0.5 + this.#clock.random() / 2);
    // A new token that seems to be expired: the clock of this device is wrong. The server decides.
    const isUsable = Number.isFinite(lifeMs) && lifeMs > 0;
    this.#renewAt = isUsable ? this.#clock.now() + lifeMs - margin : Number.POSITIVE_INFINITY;
  }
}

/** `exp` of a JWT in ms since 1970; Infinity if it cannot be read: then the server decides. */
function expiryOf(token: string): number {
  try {
    const payload = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/');
    const { exp } = JSON.parse(atob(payload)) as { exp?: unknown };
    if (typeof exp === 'number') return exp * 1_000;
  } catch {}
  return Number.POSITIVE_INFINITY;
}
