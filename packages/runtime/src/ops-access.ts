import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { isSameSecret } from './is-same-secret.ts';

/** The refusal of a request to the protected parts of the admin listener: all but health and metrics. */
export interface Refusal {
  status: 401 | 403;
  code: string;
  message: string;
}

/**
 * Checks a request to a protected part. With a token, the request must have it: as `Authorization: Bearer`, or as the
 * password of Basic, which a browser requests from its user. Without a token, every client of the port may use the part;
 * then the Host must be an address or `localhost`, since a web page whose name resolves to this machine (DNS rebinding)
 * has another one. Undefined: allowed.
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

/** The sender of a request, for the log of actions: the address, and the user name of Basic if there is one. */
export function actorOf(request: IncomingMessage): string {
  const [, credentials = ''] = /^basic +(\S+) *$/i.exec(request.headers.authorization ?? '') ?? [];
  const [given = ''] = Buffer.from(credentials, 'base64').toString().split(':');
  const name = given.replaceAll(/\p{C}/gu, '').slice(0, MAX_NAME);
  const address = request.socket.remoteAddress ?? 'unknown';
  return name === '' ? address : `${name} (${address})`;
}

/** Characters of a user name in the log. */
const MAX_NAME = 64;

function hasToken(authorization: string | undefined, token: string): boolean {
  const [, scheme = '', credentials = ''] = /^(bearer|basic) +(\S+) *$/i.exec(authorization ?? '') ?? [];
  if (scheme.toLowerCase() === 'bearer') return isSameSecret(credentials, token);
  return isSameSecret(
    Buffer.from(credentials, 'base64')
      .toString()
      .replace(/^[^:]*:/, ''),
    token,
  );
}
