// @ts-check

/**
 * @typedef {{
 *   secret: string,
 *   userClaim?: string,
 *   issuer?: string | undefined,
 *   audience?: string | undefined,
 *   ttlSeconds?: number,
 * }} TokenOptions `userClaim`: the claim with the user id, default `sub`. `ttlSeconds`: default 24 h.
 */

/**
 * Returns a function that signs tokens of users, as the application of the cluster does: JWTs with HS256. The key is
 * imported once. WebCrypto is a global in k6 and in Node.
 *
 * @param {TokenOptions} options
 * @returns {Promise<(user: string) => Promise<string>>}
 */
export async function tokenMaker({ secret, userClaim = 'sub', issuer, audience, ttlSeconds = 24 * 3600 }) {
  const key = await crypto.subtle.importKey('raw', utf8(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  const head = base64Url(utf8(JSON.stringify({ alg: 'HS256', typ: 'JWT' })));
  return async (user) => {
    const now = Math.floor(Date.now() / 1000);
    // JSON omits undefined values.
    const claims = { [userClaim]: user, iss: issuer, aud: audience, iat: now, exp: now + ttlSeconds };
    const signed = `${head}.${base64Url(utf8(JSON.stringify(claims)))}`;
    const signature = await crypto.subtle.sign('HMAC', key, utf8(signed));
    return `${signed}.${base64Url(new Uint8Array(signature))}`;
  };
}

/** The UTF-8 bytes of a text. Only the newest k6 has a TextEncoder. */
export function utf8(/** @type {string} */ text) {
  const bytes = [];
  const escaped = encodeURIComponent(text);
  for (let i = 0; i < escaped.length; i++) {
    if (escaped[i] === '%') {
      bytes.push(Number.parseInt(escaped.slice(i + 1, i + 3), 16));
      i += 2;
    } else bytes.push(escaped.charCodeAt(i));
  }
  return new Uint8Array(bytes);
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Base64url of RFC 4648, section 5, without padding. */
export function base64Url(/** @type {Uint8Array} */ bytes) {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const three = ((bytes[i] || 0) << 16) | ((bytes[i + 1] || 0) << 8) | (bytes[i + 2] || 0);
    const digits = Math.min(bytes.length - i, 3) + 1;
    for (let k = 0; k < digits; k++) text += DIGITS[(three >> (18 - 6 * k)) & 63];
  }
  return text;
}
