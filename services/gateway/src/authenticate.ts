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
  /** The claim `jti`. Always set, so that a new token without it replaces the one before. */
  tokenId: string | undefined;
}

/** Verifies a token. Throws TOKEN_MISSING, TOKEN_EXPIRED, TOKEN_REVOKED or TOKEN_INVALID. */
export type Authenticate = (token: unknown) => Identity | Promise<Identity>;

type Claims = Record<string, unknown>;

/** `typ` of tokens: JWT, and access tokens of RFC 9068. Others, such as logout tokens, are no proof of a login. */
const TYPES = /^(application\/)?(at\+)?jwt$/i;

/**
 * Returns the verifier of tokens. A secret (HS256) is verified with jsonwebtoken, at once; public keys with jose, which
 * also knows EdDSA. A key may be limited to users whose id has a prefix. The algorithm of the header selects the kind
 * of key only: neither kind accepts an algorithm of the other. Requires `exp`, the user claim, and issuer and audience
 * if they are configured.
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
  const identify = (claims: Claims, userPrefix = '') => {
    const identity = identityOf(claims, config);
    if (!identity.userId.startsWith(userPrefix)) throw invalid(`its key is only for users ${userPrefix}…`);
    if (isRevoked(identity)) throw new Rejection('TOKEN_REVOKED');
    return identity;
  };
  return (token) => {
    if (token === undefined || token === null || token === '') throw new Rejection('TOKEN_MISSING');
    if (typeof token !== 'string' || token.length > LIMITS.tokenLength) throw new Rejection('TOKEN_INVALID');
    if (algorithmOf(token) === 'HS256') return identify(verifyHs256(token, secrets, options));
    if (!verifyPublic) throw new Rejection('TOKEN_INVALID');
    return verifyPublic(token, options).then(
      ({ claims, userPrefix }) => identify(claims, userPrefix),
      (error: unknown) => {
        if (error instanceof errors.JWTExpired) throw new Rejection('TOKEN_EXPIRED');
        throw refusalFor(error instanceof errors.JWTClaimValidationFailed ? error.claim : undefined);
      },
    );
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
  let claim: string | undefined;
  for (const secret of secrets) {
    try {
      const claims = jwt.verify(token, secret, { ...options, algorithms: ['HS256'], complete: false });
      if (typeof claims === 'object') return claims;
    } catch (error) {
      if (error instanceof jwt.TokenExpiredError) throw new Rejection('TOKEN_EXPIRED');
      claim ??= refusedClaim(error);
    }
  }
  throw refusalFor(claim);
}

/** The claim that jsonwebtoken refuses after it has verified the signature. */
function refusedClaim(error: unknown): string | undefined {
  if (error instanceof jwt.NotBeforeError) return 'nbf';
  if (!(error instanceof jwt.JsonWebTokenError)) return undefined;
  return /^jwt (audience|issuer) invalid|^invalid (exp|nbf) value/.exec(error.message)?.slice(1).find(Boolean);
}

function refusalFor(claim: string | undefined): Rejection {
  return claim === undefined ? new Rejection('TOKEN_INVALID') : invalid(`its ${claim} is not accepted here`);
}

function identityOf(claims: Claims, config: GatewayConfig): Identity {
  const { JWT_USER_CLAIM, JWT_MAX_AGE_MS: maxAgeMs, JWT_CLOCK_TOLERANCE_MS: toleranceMs } = config;
  const { exp, iat, jti } = claims;
  const user = userOf(claims[JWT_USER_CLAIM], JWT_USER_CLAIM);
  if (!isTime(exp)) throw invalid(`exp ${exp === undefined ? 'is missing' : 'is no time'}`);
  if (iat !== undefined && !isTime(iat)) throw invalid('iat is no time');
  if (iat !== undefined && iat * 1_000 > Date.now() + toleranceMs) throw invalid('iat is in the future');
  if (jti !== undefined && typeof jti !== 'string') throw invalid(`jti is ${kindOf(jti)}; it must be a string`);
  if (jti !== undefined && jti.length > LIMITS.tokenIdLength) {
    throw invalid(`jti has more than ${LIMITS.tokenIdLength} characters`);
  }
  if (maxAgeMs > 0 && iat === undefined) throw invalid('iat is missing; tokens have a maximum age here');
  const issuedAt = (iat ?? 0) * 1_000;
  const endsAt = maxAgeMs > 0 ? Math.min(exp * 1_000, issuedAt + maxAgeMs) : exp * 1_000;
  const expiresAt = Math.floor(endsAt) + toleranceMs;
  if (expiresAt <= Date.now()) throw new Rejection('TOKEN_EXPIRED');
  return { userId: user, expiresAt, issuedAt, tokenId: jti };
}

function userOf(value: unknown, claim: string): UserId {
  if (value === undefined) throw invalid(`${claim} is missing`);
  if (typeof value !== 'string') throw invalid(`${claim} is ${kindOf(value)}; user ids are strings`);
  const { data, error } = userId.safeParse(value);
  if (data === undefined) throw invalid(`${claim} is no user id: ${error?.issues[0]?.message}`);
  return data;
}

/** Longest time since the epoch that a Date can have, in s. */
const LAST_TIME_S = 8.64e12;

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= LAST_TIME_S;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function invalid(problem: string): Rejection {
  return new Rejection('TOKEN_INVALID', { message: `The token is not valid: ${problem}.` });
}
