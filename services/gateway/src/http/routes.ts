import {
  conversationsQuery,
  historyQuery,
  openConversationBody,
  parseOrReject,
  userId as userIdSchema,
} from '@chat-cluster/contracts';
import type { Liveness, Readiness } from '@chat-cluster/contracts/openapi';
import {
  type Conversations,
  type History,
  type Inbox,
  openConversation,
  type RecentMessages,
  readHistory,
} from '@chat-cluster/domain';
import { z } from 'zod';
import { jsonBody } from './json-body.ts';
import { publicRoute, type Route, type UserRouteDeps, userRoute } from './router.ts';

export interface RouteDeps extends UserRouteDeps {
  conversations: Conversations;
  history: History;
  recent: RecentMessages;
  inbox: Inbox;
}

const messagesPath = z.object({ otherUserId: userIdSchema });

/** The REST API: opening a conversation, the list of a user's conversations, the history of one. */
export function apiRoutes(deps: RouteDeps): Route[] {
  const { conversations, history } = deps;
  return [
    userRoute(deps, { method: 'post', path: '/api/conversations', before: [jsonBody] }, async (userId, req) => {
      const { participantId } = parseOrReject(openConversationBody, req.body);
      const { conversation, created } = await openConversation(conversations, userId, participantId);
      return { status: created ? 201 : 200, body: conversation };
    }),
    userRoute(deps, { method: 'get', path: '/api/messages/conversations' }, async (userId, req) => {
      const { limit, cursor } = parseOrReject(conversationsQuery, req.query);
      return { status: 200, body: await history.conversations(userId, limit, cursor) };
    }),
    userRoute(deps, { method: 'get', path: '/api/messages/with/:otherUserId' }, async (userId, req) => {
      const { otherUserId } = parseOrReject(messagesPath, req.params);
      const query = parseOrReject(historyQuery, req.query);
      return { status: 200, body: await readHistory(deps, userId, otherUserId, query) };
    }),
  ];
}

export interface OperationDeps {
  gatewayId: string;
  version: string;
  isReady(): Readiness;
}

/**
 * For the probes of load balancers; metrics are on the admin listener. Liveness checks no server: a gateway must not be
 * restarted because Redis or Postgres is down.
 */
export function operationRoutes({ gatewayId, version, isReady }: OperationDeps): Route[] {
  return [
    publicRoute('/healthz', (_req, res) => {
      res.json({ status: 'ok', gatewayId, version } satisfies Liveness);
    }),
    publicRoute('/readyz', (_req, res) => {
      const state: Readiness = isReady();
      res.status(state.ready ? 200 : 503).json(state);
    }),
  ];
}
