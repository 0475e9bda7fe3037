import { createSecretKey, type KeyObject } from 'node:crypto';
import { LIMITS, Rejection, type UserId, userId } from '@chat-cluster/contracts';
import { errors } from 'jose';
import jwt from 'jsonwebtoken';
import type { GatewayConfig } from './config.ts';
import type { VerifyPublic } from './public-keys.ts';

/** The verified claims of a token. */
export interface Identity {
  userId: UserId;
  /** When the token is no longer accepted, including the clock tolerance, in ms since the epoch. */
  expiresAt: number;
  /** The claim `iat`, in ms since the epoch; 0 if the token has none. */
  issuedAt: number;
  /** The claim `jti`. */
  tokenId?: string;
}

/** Verifies a token. Throws TOKEN_MISSING, TOKEN_EXPIRED, TOKEN_REVOKED or TOKEN_INVALID. */
export type Authenticate = (token: unknown) => Identity | Promise<Identity>;

type Claims = Record<string, unknown>;

/** `typ` of tokens: JWT, and access tokens of RFC 9068. Others, such as logout tokens, are no proof of a login. */
const TYPES = /^(application\/)?(at\+)?jwt$/i;

/**
 * Returns the verifier of tokens. A secret (HS256) is verified with jsonwebtoken, at once; public keys with jose, which
 * also knows EdDSA. The algorithm of the header selects the kind of key only: neither kind accepts an algorithm of the
 * other. Requires `exp`, the user claim, and issuer and audience if they are configured.
 */
export function createAuthenticator(
  config: GatewayConfig,
  verifyPublic?: VerifyPublic,
  isRevoked: (identity: Identity) => boolean = () => false,
): Authenticate {
  const options = {
    clockTolerance: config.JWT_CLOCK_TOLERANCE_MS / 1_000,
    ...(config.JWT_ISSUER ? { issuer: config.JWT_ISSUER } : {}),
    ...(config.JWT_AUDIENCE ? { audience: config.JWT_AUDIENCE } : {}),
  };
  // For a string jsonwebtoken would create a key per token, and try a public key first: 3 times the CPU.
  const secrets = [config.JWT_SECRET, config.JWT_PREVIOUS_SECRET].flatMap((secret) =>
    secret === undefined ? [] : [createSecretKey(Buffer.from(secret))],
  );
  const identify = (claims: Claims) => {
    const identity = identityOf(claims, config);
    if (isRevoked(identity)) throw new Rejection('TOKEN_REVOKED');
    return identity;
  };
  return (token) => {
    if (token === undefined || token === null || token === '') throw new Rejection('TOKEN_MISSING');
    if (typeof token !== 'string' || token.length > LIMITS.tokenLength) throw new Rejection('TOKEN_INVALID');
    if (algorithmOf(token) === 'HS256') return identify(verifyHs256(token, secrets, options));
    if (!verifyPublic) throw new Rejection('TOKEN_INVALID');
    return verifyPublic(token, options).then(identify, (error: unknown) => {
      throw new Rejection(error instanceof errors.JWTExpired ? 'TOKEN_EXPIRED' : 'TOKEN_INVALID');
    });
  };
}

/** Reads the header, which is not verified yet. Rejects what the libraries accept: any `crit` and any `typ`. */
function algorithmOf(token: string): unknown {
  try {
    const header = JSON.parse(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString()) as Claims;
    const { alg, typ, crit } = header;
    if (crit === undefined && (typ === undefined || (typeof typ === 'string' && TYPES.test(typ)))) return alg;
  } catch {}
  throw new Rejection('TOKEN_INVALID');
}

function verifyHs256(token: string, secrets: readonly KeyObject[], options: jwt.VerifyOptions): Claims {
  for (const secret of secrets) {
    try {
      const claims = jwt.verify(token, secret, { ...options, algorithms: ['HS256'], complete: false });
      if (typeof claims === 'object') return claims;
    } catch (error) {
      if (error instanceof jwt.TokenExpiredError) throw new Rejection('TOKEN_EXPIRED');
    }
  }
  throw new Rejection('TOKEN_INVALID');
}

function identityOf(claims: Claims, config: GatewayConfig): Identity {
  const { JWT_USER_CLAIM, JWT_MAX_AGE_MS: maxAgeMs, JWT_CLOCK_TOLERANCE_MS: toleranceMs } = config;
  const { exp, iat, jti } = claims;
  const user = userId.safeParse(claims[JWT_USER_CLAIM]);
  if (!user.success || typeof exp !== 'number') throw invalid(`needs the claims exp and ${JWT_USER_CLAIM}`);
  if (iat !== undefined && (typeof iat !== 'number' || iat * 1_000 > Date.now() + toleranceMs)) {
    throw invalid('has an iat that is no time, or in the future');
  }
  if (jti !== undefined && (typeof jti !== 'string' || jti.length > LIMITS.tokenIdLength)) {
    throw invalid(`has a jti that is no string, or longer than ${LIMITS.tokenIdLength} characters`);
  }
  if (maxAgeMs > 0 && iat === undefined) throw invalid('needs the claim iat, because tokens have a maximum age here');
  const issuedAt = (iat ?? 0) * 1_000;
  const endsAt = maxAgeMs > 0 ? Math.min(exp * 1_000, issuedAt + maxAgeMs) : exp * 1_000;
  const expiresAt = endsAt + toleranceMs;
  if (expiresAt <= Date.now()) throw new Rejection('TOKEN_EXPIRED');
  return { userId: user.data, expiresAt, issuedAt, ...(jti === undefined ? {} : { tokenId: jti }) };
}

function invalid(problem: string): Rejection {
  return new Rejection('TOKEN_INVALID', { message: `The token ${problem}.` });
}
