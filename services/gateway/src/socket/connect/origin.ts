import type { IncomingMessage } from 'node:http';

/**
 * Whether a handshake may come from its origin. CORS does not protect WebSocket upgrades, so this does: exact matches
 * only, and the page's own host. A request without an Origin comes from no page (an app, a server); its token decides.
 */
export function mayConnect(request: IncomingMessage, allowedOrigins: '*' | readonly string[]): boolean {
  const { origin, host } = request.headers;
  if (allowedOrigins === '*' || origin === undefined) return true;
  return allowedOrigins.includes(origin) || URL.parse(origin)?.host === host;
}
