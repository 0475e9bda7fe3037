import { historyQuery, parseOrReject, userId as userIdSchema } from '@chat-cluster/contracts';
import { readHistory } from '@chat-cluster/domain';
import { z } from 'zod';
import type { HttpDeps } from './app.ts';
import { type Route, userRoute } from './route.ts';

const pathParams = z.object({ otherUserId: userIdSchema });

/** What two users said to each other. */
export function messageRoutes(deps: HttpDeps): Route[] {
  return [
    userRoute(deps, { method: 'get', path: '/api/messages/with/:otherUserId' }, async (userId, req) => {
      const { otherUserId } = parseOrReject(pathParams, req.params);
      const query = parseOrReject(historyQuery, req.query);
      return { status: 200, body: await readHistory(deps, userId, otherUserId, query) };
    }),
  ];
}
