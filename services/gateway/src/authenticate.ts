import { createSecretKey, type KeyObject } from 'node:crypto';
import { LIMITS, Rejection, type UserId, userId } from '@chat-cluster/contracts';
import jwt from 'jsonwebtoken';
import type { GatewayConfig } from './config.ts';

/** The verified claims of a token. */
export interface Identity {
  userId: UserId;
  /** When the token is no longer accepted, including the clock tolerance, in ms since the epoch. */
  expiresAt: number;
}

/** Verifies a token. Throws TOKEN_MISSING, TOKEN_EXPIRED or TOKEN_INVALID. */
export type Authenticate = (token: unknown) => Identity | Promise<Identity>;

/**
 * Returns the verifier of tokens. It accepts only HS256, whatever the token's header names, and requires `exp`, the
 * user claim, and issuer and audience if they are configured.
 */
export function createAuthenticator(config: GatewayConfig): Authenticate {
  const toleranceMs = config.JWT_CLOCK_TOLERANCE_MS;
  const options: jwt.VerifyOptions & { complete: false } = {
    algorithms: ['HS256'],
    clockTolerance: toleranceMs / 1_000,
    complete: false,
    ...(config.JWT_ISSUER ? { issuer: config.JWT_ISSUER } : {}),
    ...(config.JWT_AUDIENCE ? { audience: config.JWT_AUDIENCE } : {}),
  };
  // For a string jsonwebtoken would create a key per token, and try a public key first: 3 times the CPU.
  const key = createSecretKey(Buffer.from(config.JWT_SECRET));
  return (token) => {
    if (token === undefined || token === null || token === '') throw new Rejection('TOKEN_MISSING');
    if (typeof token !== 'string' || token.length > LIMITS.tokenLength) throw new Rejection('TOKEN_INVALID');
    const claims = verify(token, key, options);
    const user = userId.safeParse(claims[config.JWT_USER_CLAIM]);
    if (!user.success || typeof claims.exp !== 'number') {
      throw new Rejection('TOKEN_INVALID', { message: `The token needs the claims exp and ${config.JWT_USER_CLAIM}.` });
    }
    return { userId: user.data, expiresAt: claims.exp * 1_000 + toleranceMs };
  };
}

function verify(token: string, key: KeyObject, options: jwt.VerifyOptions & { complete: false }): jwt.JwtPayload {
  try {
    const claims = jwt.verify(token, key, options);
    if (typeof claims === 'object') return claims;
  } catch (error) {
    if (error instanceof jwt.TokenExpiredError) throw new Rejection('TOKEN_EXPIRED');
  }
  throw new Rejection('TOKEN_INVALID');
}
