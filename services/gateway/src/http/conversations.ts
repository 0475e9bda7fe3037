import { conversationsQuery, openConversationBody, parseOrReject } from '@chat-cluster/contracts';
import { openConversation } from '@chat-cluster/domain';
import type { HttpDeps } from './app.ts';
import { jsonBody } from './json-body.ts';
import { type Route, userRoute } from './route.ts';

/** Who talks with whom: open a conversation, list mine. */
export function conversationRoutes(deps: HttpDeps): Route[] {
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
  ];
}
