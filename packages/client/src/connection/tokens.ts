import type { Clock } from '../core/seams.ts';
import { defer } from '../defer.ts';
import { check } from '../errors.ts';
import type { GetToken, TokenReason } from '../types.ts';

export interface TokensDeps {
  readonly options: { getToken: GetToken };
  readonly clock: Clock;
}

/** Time after which `getToken` counts as failed, in ms. */
const LIMIT_MS = 30_000;
/** Part of its remaining life at which a token is replaced before its expiry, and the longest such time in ms. */
const MARGIN = 0.1;
const LONGEST_MARGIN_MS = 60_000;

/**
 * Tokens of the application. `getToken` runs once at a time. Its result is used until shortly before its `exp`, or until
 * the server refuses it; a lost connection needs no new token.
 */
export class Tokens {
  #deps: TokensDeps;
  #token: string | undefined;
  /** From here on the token is not used for another connection, in ms since 1970. */
  #renewAt = 0;
  #reason: TokenReason = 'first';
  #pending: { promise: Promise<string | null>; abort: AbortController } | undefined;

  constructor(deps: TokensDeps) {
    this.#deps = deps;
  }

  /** Resolves with a token that may be used, or null when no user is signed in. Rejects with what `getToken` throws. */
  get(): Promise<string | null> {
    if (this.#token !== undefined) {
      if (this.#deps.clock.now() < this.#renewAt) return Promise.resolve(this.#token);
      this.replace('expiring');
    }
    if (!this.#pending) {
      const abort = new AbortController();
      this.#pending = { promise: this.#fetch(abort), abort };
    }
    return this.#pending.promise;
  }

  /** The present token cannot be used again: the next `get` fetches another one. */
  replace(reason: TokenReason): void {
    this.#token = undefined;
    this.#reason = reason;
  }

  /** The server has refused the token with this code. */
  refused(code: string): void {
    this.replace(code === 'TOKEN_EXPIRED' ? 'expired' : 'rejected');
  }

  /** Ends a call of `getToken`, whose result is dropped, and forgets the token: the next one may be of another user. */
  abort(): void {
    this.#token = undefined;
    this.#pending?.abort.abort();
    this.#pending = undefined;
  }

  async #fetch(abort: AbortController): Promise<string | null> {
    const { signal } = abort;
    const cancel = this.#deps.clock.after(LIMIT_MS, () => abort.abort());
    const ended = defer<never>();
    signal.addEventListener('abort', () => ended.reject(new Error('it did not respond in time')));
    try {
      const reason = this.#reason;
      // In a function of its own, since it may throw instead of rejecting.
      const token = await Promise.race([
        (async () => this.#deps.options.getToken({ reason, signal }))(),
        ended.promise,
      ]);
      check(token === null || (typeof token === 'string' && token), 'it did not return a JWT or null');
      if (token !== null && this.#pending?.abort === abort) this.#keep(token);
      return token;
    } finally {
      cancel();
      if (this.#pending?.abort === abort) this.#pending = undefined;
    }
  }

  #keep(token: string): void {
    const { clock } = this.#deps;
    const expiresAt = expiryOf(token);
    const lifeMs = expiresAt - clock.now();
    const margin = Math.min(LONGEST_MARGIN_MS, lifeMs * MARGIN) * (0.5 + clock.random() / 2);
    this.#token = token;
    // A new token that seems to be expired: the clock of this device is wrong. The server decides then too.
    this.#renewAt = lifeMs > 0 ? expiresAt - margin : Number.POSITIVE_INFINITY;
  }
}

/** `exp` of a JWT in ms since 1970; NaN if it cannot be read: then the server decides. */
function expiryOf(token: string): number {
  try {
    const payload = token.split('.')[1] as string;
    return JSON.parse(atob(payload.replace(/-/g, '+').replace(/_/g, '/'))).exp * 1_000;
  } catch {
    return Number.NaN;
  }
}
