import { HTTP_STATUS, parseOrReject, Rejection, toErrorPayload, userId } from '@chat-cluster/contracts';
import { type Conversations, openConversation } from '@chat-cluster/domain';
import type { Logger, OpsAction } from '@chat-cluster/runtime';
import { z } from 'zod';

const request = z.strictObject({
  userIds: z.tuple([userId, userId], 'must be two user ids; twice the same for notes to oneself'),
});

/** Action of the admin listener: opens the conversation of two users, or finds it, whatever OPEN_CONVERSATIONS is. */
export function openAsServer(conversations: Pick<Conversations, 'open'>, logger: Logger): OpsAction {
  return async (body) => {
    try {
      const [a, b] = parseOrReject(request, body).userIds;
      const { conversation, created } = await openConversation(conversations, a, b);
      return { status: created ? 201 : 200, body: conversation };
    } catch (error) {
      if (!(error instanceof Rejection)) logger.error({ err: error }, 'conversations: a fault');
      const payload = toErrorPayload(error);
      return { status: HTTP_STATUS[payload.code], body: { error: payload } };
    }
  };
}
