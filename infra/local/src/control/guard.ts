import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpRefusal, isSameSecret } from '@chat-cluster/runtime';

/** The values with which a request is compared. */
export interface Guard {
  /** Port of the control server. */
  port: number;
  token: string;
  /** Origins of the pages that may use it; empty until the cluster is up. */
  origins: readonly string[];
}

/**
 * Throws HttpRefusal unless the request comes from a page of this cluster with the token of this start. The token alone
 * is sufficient; Host and Origin also keep out a page whose name resolves to this machine, and one that has found the
 * token. Responds to a preflight, which has no token, and returns true for it.
 *
 * Sets the CORS headers as soon as the origin is checked, so that the page can also read the errors that follow.
 */
export function checkRequest(request: IncomingMessage, response: ServerResponse, guard: Guard): boolean {
  const { host, origin, authorization } = request.headers;
  const ownHosts = [`127.0.0.1:${guard.port}`, `localhost:${guard.port}`];
  if (!ownHosts.includes(host ?? '')) throw new HttpRefusal(403, 'HOST_NOT_ALLOWED', `Use http://${ownHosts[0]}.`);
  if (origin === undefined || !guard.origins.includes(origin)) {
    throw new HttpRefusal(403, 'ORIGIN_NOT_ALLOWED', 'Only the pages of this cluster may use this server.');
  }
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Vary', 'Origin');
  if (request.method === 'OPTIONS') {
    response.setHeader('Access-Control-Allow-Methods', 'GET, POST');
    response.setHeader('Access-Control-Allow-Headers', 'Authorization, Content-Type');
    response.setHeader('Access-Control-Max-Age', '600');
    response.writeHead(204).end();
    return true;
  }
  const given = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? '';
  if (isSameSecret(given, guard.token)) return false;
  throw new HttpRefusal(401, 'UNAUTHORIZED', 'The token is not that of this start of the cluster. Reload the page.');
}
