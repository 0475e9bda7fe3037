import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** Why a request may not use the parts of the admin listener that show or change more than health and metrics. */
export interface Refusal {
  status: 401 | 403;
  code: string;
  message: string;
}

/**
 * Checks a request to a protected part. With a token, the request must have it: as `Authorization: Bearer`, or as the
 * password of Basic, which a browser asks for. Without one, every client of the port may use the part; then
 * the Host must be an address or `localhost`, since a web page whose name resolves to this machine (DNS rebinding) has
 * another one. Undefined: allowed.
 */
export function refusalOf(request: IncomingMessage, token: string | undefined, listensOn: string): Refusal | undefined {
  if (token !== undefined) {
    return hasToken(request.headers.authorization, token)
      ? undefined
      : { status: 401, code: 'UNAUTHORIZED', message: 'Pass ADMIN_TOKEN as a bearer token, or as the password' };
  }
  const host = URL.parse(`http://${request.headers.host}`)?.hostname.replace(/^\[|\]$/g, '') ?? '';
  if (isIP(host) || host === 'localhost' || host === listensOn) return undefined;
  return { status: 403, code: 'HOST_NOT_ALLOWED', message: 'Use an IP address or localhost, or set ADMIN_TOKEN' };
}

function hasToken(authorization: string | undefined, token: string): boolean {
  const [, scheme = '', credentials = ''] = /^(bearer|basic) +(\S+) *$/i.exec(authorization ?? '') ?? [];
  if (scheme.toLowerCase() === 'bearer') return isSame(credentials, token);
  return isSame(
    Buffer.from(credentials, 'base64')
      .toString()
      .replace(/^[^:]*:/, ''),
    token,
  );
}

/** Takes the same time for every text. */
function isSame(text: string, token: string): boolean {
  const digest = (value: string) => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(text), digest(token));
}
