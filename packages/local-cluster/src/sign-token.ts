import jwt from 'jsonwebtoken';

/** Settings of the gateways for the claims of a token. An environment has them all; default: only `sub` is needed. */
export interface ClaimSettings {
  JWT_USER_CLAIM?: string | undefined;
  JWT_ISSUER?: string | undefined;
  JWT_AUDIENCE?: string | undefined;
}

const DAY_S = 24 * 3_600;

/** An HS256 token for `user`, with the claims that gateways with these settings require. Default lifetime: 24 hours. */
export function signToken(user: string, secret: string, ttlSeconds = DAY_S, settings: ClaimSettings = {}): string {
  return jwt.sign(claimsOf(user, settings), secret, { algorithm: 'HS256', expiresIn: ttlSeconds });
}

/**
 * As signToken, issued at the next full second: gateways refuse a token of the second in which its user was revoked.
 * They tolerate a clock that is up to 30 s ahead (JWT_CLOCK_TOLERANCE_MS).
 */
export function signFreshToken(user: string, secret: string, ttlSeconds: number, settings: ClaimSettings = {}): string {
  const iat = Math.ceil(Date.now() / 1_000);
  return jwt.sign({ ...claimsOf(user, settings), iat }, secret, { algorithm: 'HS256', expiresIn: ttlSeconds });
}

function claimsOf(user: string, { JWT_USER_CLAIM, JWT_ISSUER, JWT_AUDIENCE }: ClaimSettings): Record<string, string> {
  return {
    [JWT_USER_CLAIM || 'sub']: user,
    ...(JWT_ISSUER ? { iss: JWT_ISSUER } : {}),
    ...(JWT_AUDIENCE ? { aud: JWT_AUDIENCE } : {}),
  };
}
