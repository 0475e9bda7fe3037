import { createPrivateKey, createSecretKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { UserId } from '@chat-cluster/contracts';
import { reasonOf, UserError } from '@chat-cluster/runtime';
import { SignJWT } from 'jose';
import type { ProberConfig } from './config.ts';

/** Signs a token of one hour for a user. */
export type SignToken = (userId: UserId) => Promise<string>;

const ALGORITHMS: Record<string, string> = { ed25519: 'EdDSA', ec: 'ES256', rsa: 'RS256' };

/**
 * Returns the signer of the prober's tokens: with the private key of PROBE_KEY_FILE, whose public key the gateways have
 * in JWT_PROBER_KEYS_FILE, otherwise with the secret of the gateways. Throws UserError when the file has no usable key.
 */
export function createSigner(config: ProberConfig): SignToken {
  const { key, alg } = keyOf(config);
  return (userId) => {
    const token = new SignJWT({ [config.JWT_USER_CLAIM]: userId })
      .setProtectedHeader({ alg, typ: 'JWT' })
      .setIssuedAt()
      .setExpirationTime('1h');
    if (config.JWT_ISSUER) token.setIssuer(config.JWT_ISSUER);
    if (config.JWT_AUDIENCE) token.setAudience(config.JWT_AUDIENCE);
    return token.sign(key);
  };
}

function keyOf({ PROBE_KEY_FILE, JWT_SECRET = '' }: ProberConfig): { key: KeyObject; alg: string } {
  if (PROBE_KEY_FILE === undefined) return { key: createSecretKey(Buffer.from(JWT_SECRET)), alg: 'HS256' };
  try {
    const key = createPrivateKey(readFileSync(PROBE_KEY_FILE));
    const alg = ALGORITHMS[key.asymmetricKeyType ?? ''];
    if (alg === undefined) throw new Error(`a key of type ${key.asymmetricKeyType}`);
    return { key, alg };
  } catch (error) {
    throw new UserError(`PROBE_KEY_FILE has no usable private key: ${reasonOf(error)}`);
  }
}
