import type { Settings } from './settings.ts';

type TokenSettings = Pick<Settings, 'JWT_SECRET' | 'JWT_USER_CLAIM' | 'JWT_ISSUER' | 'JWT_AUDIENCE'>;

/**
 * Returns a function that signs tokens of users, as the application of the cluster does: JWTs with HS256. The key is
 * imported once. WebCrypto is a global in k6 and in Node.
 */
export async function tokenMaker(
  { JWT_SECRET, JWT_USER_CLAIM, JWT_ISSUER, JWT_AUDIENCE }: TokenSettings,
  ttlSeconds = 24 * 3600,
): Promise<(user: string) => Promise<string>> {
  const hmac = { name: 'HMAC', hash: 'SHA-256' } as const;
  const key = await crypto.subtle.importKey('raw', utf8(JWT_SECRET), hmac, false, ['sign']);
  const head = base64Url(utf8(JSON.stringify({ alg: 'HS256', typ: 'JWT' })));
  return async (user) => {
    const now = Math.floor(Date.now() / 1000);
    // JSON omits undefined values.
    const required = { iss: JWT_ISSUER || undefined, aud: JWT_AUDIENCE || undefined };
    const claims = { [JWT_USER_CLAIM]: user, ...required, iat: now, exp: now + ttlSeconds };
    const signed = `${head}.${base64Url(utf8(JSON.stringify(claims)))}`;
    const signature = await crypto.subtle.sign('HMAC', key, utf8(signed));
    return `${signed}.${base64Url(new Uint8Array(signature))}`;
  };
}

/** The UTF-8 bytes of a text. Only the newest k6 has a TextEncoder. */
export function utf8(text: string) {
  const bytes = encodeURIComponent(text).replace(/%(..)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Uint8Array.from(bytes, (byte) => byte.charCodeAt(0));
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Base64url of RFC 4648, section 5, without padding. */
export function base64Url(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const three = ((bytes[i] || 0) << 16) | ((bytes[i + 1] || 0) << 8) | (bytes[i + 2] || 0);
    const digits = Math.min(bytes.length - i, 3) + 1;
    for (let k = 0; k < digits; k++) text += DIGITS[(three >> (18 - 6 * k)) & 63];
  }
  return text;
}
