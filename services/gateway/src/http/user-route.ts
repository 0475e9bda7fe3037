import type { StoreEpoch, UserId } from '@chat-cluster/contracts';
import type { Conversations, GroupReads, History, Inbox, RecentMessages } from '@chat-cluster/domain';
import type { Request } from 'express';
import type { Route } from './router.ts';

export interface ApiDeps {
  conversations: Conversations;
  history: History;
  recent: RecentMessages;
  inbox: Inbox;
  groupReads: GroupReads;
  /** The epoch of the store as this process knows it. */
  epoch(): StoreEpoch;
  /** Verifies a bearer token. Throws TOKEN_MISSING, TOKEN_INVALID or TOKEN_EXPIRED. */
  authenticate(token: string | undefined): { userId: UserId } | Promise<{ userId: UserId }>;
  /** Counts a request of the user. Throws RATE_LIMITED. */
  limitRate(userId: UserId): void;
}

/**
 * A route for users: first the token and the rate limit, so that no body is read without a valid token, then `handle`.
 * `handle` does not use the response, so its result can be dropped after the deadline.
 */
export function userRoute(
  { authenticate, limitRate }: ApiDeps,
  method: Route['method'],
  path: string,
  handle: (userId: UserId, req: Request) => Promise<{ status?: number; body: object }>,
): Route {
  return {
    method,
    path,
    async handler(req, res) {
      const { userId } = await authenticate(bearerToken(req));
      limitRate(userId);
      const { status = 200, body } = await handle(userId, req);
      if (!res.headersSent) res.status(status).json(body);
    },
  };
}

/** The scheme is case-insensitive (RFC 9110); a header with another scheme has no token. */
function bearerToken(req: Request): string | undefined {
  return /^bearer +(\S+) *$/i.exec(req.get('authorization') ?? '')?.[1];
}
