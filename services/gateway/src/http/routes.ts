import {
  conversationsQuery,
  historyQuery,
  openConversationBody,
  parseOrReject,
  type UserId,
  userId as userIdSchema,
} from '@chat-cluster/contracts';
import type { Liveness, Readiness } from '@chat-cluster/contracts/openapi';
import { type Contacts, findConversation, openConversation, readHistory } from '@chat-cluster/domain';
import { z } from 'zod';
import manifest from '../../package.json' with { type: 'json' };
import type { GatewayConfig } from '../config.ts';
import type { SharedLimit } from '../shared-limit.ts';
import { type ConversationRouteDeps, conversationRoutes } from './conversation-routes.ts';
import { readJson } from './json-body.ts';
import { publicRoute, type Route } from './router.ts';
import { type ApiDeps, userRoute } from './user-route.ts';

export interface RouteDeps extends ApiDeps, ConversationRouteDeps {
  conversations: ApiDeps['conversations'] & Pick<Contacts, 'blockedAmong'>;
  newConversations: SharedLimit;
  config: Pick<GatewayConfig, 'OPEN_CONVERSATIONS'>;
}

const messagesPath = z.object({ otherUserId: userIdSchema });

/** The REST API: opening a conversation, the list of a user's conversations, the history of one, and conversation-routes.ts. */
export function apiRoutes(deps: RouteDeps): Route[] {
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
    ...conversationRoutes(deps),
  ];
}

/** Counts new conversations; one that exists costs nothing. */
async function openWithinLimit(deps: RouteDeps, userId: UserId, participantId: UserId) {
  const { conversations, newConversations } = deps;
  const blocked = await conversations.blockedAmong(userId, [participantId]);
  // As on a server on which users open no conversations, so that a blocked user cannot distinguish them.
  if (blocked.size > 0) return findConversation(deps, userId, participantId);
  await newConversations.take(userId);
  const opened = await openConversation(conversations, userId, participantId);
  if (!opened.created) newConversations.giveBack(userId);
  return opened;
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
