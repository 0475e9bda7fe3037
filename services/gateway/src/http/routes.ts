import {
  conversationsQuery,
  historyQuery,
  openConversationBody,
  parseOrReject,
  type StoreEpoch,
  type UserId,
  userId as userIdSchema,
} from '@chat-cluster/contracts';
import type { Liveness, Readiness } from '@chat-cluster/contracts/openapi';
import {
  type Conversations,
  findConversation,
  type History,
  type Inbox,
  openConversation,
  type RecentMessages,
  readHistory,
} from '@chat-cluster/domain';
import type { Request } from 'express';
import { z } from 'zod';
import manifest from '../../package.json' with { type: 'json' };
import type { GatewayConfig } from '../config.ts';
import type { SharedLimit } from '../shared-limit.ts';
import { readJson } from './json-body.ts';
import { publicRoute, type Route } from './router.ts';

export interface ApiDeps {
  conversations: Conversations;
  history: History;
  recent: RecentMessages;
  inbox: Inbox;
  /** The epoch of the store as this process knows it. */
  epoch(): StoreEpoch;
  /** Verifies a bearer token. Throws TOKEN_MISSING, TOKEN_INVALID or TOKEN_EXPIRED. */
  authenticate(token: string | undefined): { userId: UserId } | Promise<{ userId: UserId }>;
  /** Counts a request of the user. Throws RATE_LIMITED. */
  limitRate(userId: UserId): void;
  newConversations: SharedLimit;
  config: Pick<GatewayConfig, 'OPEN_CONVERSATIONS'>;
}

const messagesPath = z.object({ otherUserId: userIdSchema });

/** The REST API: opening a conversation, the list of a user's conversations, the history of one. */
export function apiRoutes(deps: ApiDeps): Route[] {
  const { config, history } = deps;
  const open = config.OPEN_CONVERSATIONS === 'anyone' ? openWithinLimit : findConversation;
  return [
    userRoute(deps, 'post', '/api/conversations', async (userId, req) => {
      const { participantId } = parseOrReject(openConversationBody, await readJson(req));
      const { conversation, created } = await open(deps, userId, participantId);
      return { status: created ? 201 : 200, body: conversation };
    }),
    userRoute(deps, 'get', '/api/messages/conversations', async (userId, req) => {
      const { limit, cursor } = parseOrReject(conversationsQuery, req.query);
      const epoch = deps.epoch();
      return { body: { epoch, ...(await history.conversations(userId, limit, cursor)) } };
    }),
    userRoute(deps, 'get', '/api/messages/with/:otherUserId', async (userId, req) => {
      const { otherUserId } = parseOrReject(messagesPath, req.params);
      const query = parseOrReject(historyQuery, req.query);
      // HEAD is a safe method: it changes nothing, with any query.
      if (req.method === 'HEAD') query.markAsRead = 'false';
      return { body: await readHistory(deps, userId, otherUserId, query) };
    }),
  ];
}

/** Counts new conversations; one that exists costs nothing. */
async function openWithinLimit({ conversations, newConversations }: ApiDeps, userId: UserId, participantId: UserId) {
  await newConversations.take(userId);
  const opened = await openConversation(conversations, userId, participantId);
  if (!opened.created) newConversations.giveBack(userId);
  return opened;
}

/**
 * A route for users: first the token and the rate limit, so that no body is read without a valid token, then `handle`.
 * `handle` does not use the response, so its result can be dropped after the deadline.
 */
function userRoute(
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

/**
 * For the probes of load balancers. Metrics and the state of the dependencies are on the admin listener only. Liveness
 * checks no server: a gateway must not be restarted because Redis or Postgres is down.
 */
export function probeRoutes(gatewayId: string, isReady: () => boolean): Route[] {
  return [
    publicRoute('/healthz', (_req, res) => {
      res.json({ status: 'ok', gatewayId, version: manifest.version } satisfies Liveness);
    }),
    publicRoute('/readyz', (_req, res) => {
      const ready = isReady();
      res.status(ready ? 200 : 503).json({ ready } satisfies Readiness);
    }),
  ];
}
