import jwt from 'jsonwebtoken';
import type { Deployment } from './options.ts';

/** A token for a user named "doctor" with the claims that gateways require. Undefined without JWT_SECRET. */
export function signUserToken({ secret, claims }: Deployment, expiresInS = 300): string | undefined {
  if (!secret) return undefined;
  return jwt.sign({ [claims.user]: 'doctor' }, secret, {
    algorithm: 'HS256',
    expiresIn: expiresInS,
    ...(claims.issuer ? { issuer: claims.issuer } : {}),
    ...(claims.audience ? { audience: claims.audience } : {}),
  });
}

/** A token without a signature (`alg: none`), which a gateway must reject. */
export function unsignedToken({ claims }: Deployment): string {
  const part = (content: object) => Buffer.from(JSON.stringify(content)).toString('base64url');
  const exp = Math.floor(Date.now() / 1_000) + 300;
  return `${part({ alg: 'none', typ: 'JWT' })}.${part({ [claims.user]: 'doctor', exp })}.`;
}
