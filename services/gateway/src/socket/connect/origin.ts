import type { IncomingMessage } from 'node:http';

/**
 * Whether a handshake may come from its origin: an exact match of `allowedOrigins`, or the page's own host. CORS does
 * not protect WebSocket upgrades. A request without an Origin comes from an app or a server, so its token decides.
 */
export function isOriginAllowed(request: IncomingMessage, allowedOrigins: '*' | readonly string[]): boolean {
  const { origin, host } = request.headers;
  if (allowedOrigins === '*' || origin === undefined) return true;
  return allowedOrigins.includes(origin) || URL.parse(origin)?.host === host;
}
