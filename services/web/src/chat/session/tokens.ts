import { type ChatClientOptions, Unauthorized } from '@chat-cluster/client';
import type { LocalPage } from '@chat-cluster/contracts';

type GetToken = ChatClientOptions['getToken'];

/** Tokens of a local cluster: its control server signs them for every user. */
export function localTokens({ control, token }: LocalPage, userId: string): GetToken {
  return async ({ signal }) => {
    const response = await fetch(`${control}/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ userId }),
      signal,
    });
    // Another start of the cluster has another token: the page has to be loaded again.
    if (response.status === 401) throw new Unauthorized('The cluster was started again. Reload the page.');
    if (!response.ok) throw new Error(`The control server returned the status ${response.status}.`);
    return tokenIn(await response.json());
  };
}

/** Tokens of the application's own server, which identifies the user by a cookie. */
export function hostedTokens(tokenUrl: string): GetToken {
  return async ({ signal }) => {
    const response = await fetch(tokenUrl, { credentials: 'include', cache: 'no-store', signal });
    if (response.status === 401) return null;
    if (!response.ok) throw new Error(`The sign-in returned the status ${response.status}.`);
    return tokenIn(await response.json());
  };
}

/** A token that the user has typed. When it expires, the user must type another one. */
export function typedToken(token: string): GetToken {
  return ({ reason }) => {
    if (reason === 'rejected') throw new Unauthorized('The token is not valid for this server.');
    if (reason === 'expired') throw new Unauthorized('The token has expired.');
    return token;
  };
}

function tokenIn(body: unknown): string {
  const token = typeof body === 'object' && body !== null && 'token' in body ? body.token : undefined;
  if (typeof token !== 'string') throw new Error('The server returned no token.');
  return token;
}
