import type { UserId } from '@chat-cluster/contracts';
import type { FakeClock } from './clock.ts';
import { FakeRejection } from './errors.ts';

/** A token that a fake cluster has issued. `expiresAt`: ms since 1970. */
export interface FakeIdentity {
  readonly userId: UserId;
  readonly expiresAt: number;
  readonly number: number;
}

/**
 * Issues and verifies the tokens of a fake cluster. They have the form of a JWT with the claims `sub`, `iat`, `exp` and
 * `jti`, so that a client reads their expiry, but no valid signature.
 */
export class FakeTokens {
  readonly #clock: FakeClock;
  readonly #issued = new Map<string, FakeIdentity>();
  /** Tokens of a user up to this number are expired or revoked. */
  readonly #ended = new Map<UserId, { upTo: number; code: 'TOKEN_EXPIRED' | 'TOKEN_REVOKED' }>();

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  issue(userId: string, expiresInMs: number): string {
    const number = this.#issued.size + 1;
    const iat = Math.floor(this.#clock.now() / 1_000);
    const expiresAt = this.#clock.now() + expiresInMs;
    const claims = { sub: userId, iat, exp: expiresAt / 1_000, jti: `fake-${number}` };
    const token = [{ alg: 'none', typ: 'JWT' }, claims, 'fake'].map(encode).join('.');
    this.#issued.set(token, { userId: userId as UserId, expiresAt, number });
    return token;
  }

  /** Throws a coded error for a token that is missing, unknown, expired or revoked. */
  verify(token: unknown): FakeIdentity {
    if (token === undefined || token === '') throw new FakeRejection('TOKEN_MISSING');
    const identity = typeof token === 'string' ? this.#issued.get(token) : undefined;
    if (!identity) {
      throw new FakeRejection('TOKEN_INVALID', { message: 'The token is not one of this fake cluster: use tokenFor.' });
    }
    const ended = this.#ended.get(identity.userId);
    if (ended && identity.number <= ended.upTo) throw new FakeRejection(ended.code);
    if (identity.expiresAt <= this.#clock.now()) throw new FakeRejection('TOKEN_EXPIRED');
    return identity;
  }

  /** Makes all tokens issued so far to the user invalid. */
  end(userId: UserId, code: 'TOKEN_EXPIRED' | 'TOKEN_REVOKED'): void {
    this.#ended.set(userId, { upTo: this.#issued.size, code });
  }
}

/** base64url of the JSON of a value. */
function encode(value: unknown): string {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  const base64 = btoa(String.fromCharCode(...bytes));
  return base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
