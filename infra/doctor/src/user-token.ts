import jwt from 'jsonwebtoken';
import type { Subject } from './options.ts';

/** A token as the gateways of `subject` want it; undefined without their secret. */
export function makeToken({ secret, claims }: Subject, expiresInS = 300): string | undefined {
  if (!secret) return undefined;
  return jwt.sign({ [claims.user]: 'doctor' }, secret, {
    algorithm: 'HS256',
    expiresIn: expiresInS,
    ...(claims.issuer ? { issuer: claims.issuer } : {}),
    ...(claims.audience ? { audience: claims.audience } : {}),
  });
}

/** One that nobody signed. */
export function unsignedToken({ claims }: Subject): string {
  const part = (content: object) => Buffer.from(JSON.stringify(content)).toString('base64url');
  const exp = Math.floor(Date.now() / 1_000) + 300;
  return `${part({ alg: 'none', typ: 'JWT' })}.${part({ [claims.user]: 'doctor', exp })}.`;
}
