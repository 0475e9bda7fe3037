import type { UserConnection, UserId, UserView } from '@chat-cluster/contracts';
import type { OperatorQueries, TokenRevocations } from '@chat-cluster/postgres';
import { type Publisher, type RedisClient, requestOfUser, type UserReplies } from '@chat-cluster/redis';
import { withDeadline } from '@chat-cluster/runtime';
import { z } from 'zod';

/** Conversations of a page. */
const PAGE = 20;
/** Time limit for the gateways of a user to reply, in ms. */
const REPLY_WITHIN_MS = 1_000;
/** Time limit for the queries, in ms. */
const DEADLINE_MS = 5_000;

export interface UserDeps {
  publisher: Publisher;
  cache: RedisClient;
  queries: OperatorQueries;
  revocations: TokenRevocations;
}

/** The connections of a user, and a page of the user's conversations. Rejects while Postgres is away. */
export async function viewUser(deps: UserDeps, userId: UserId, cursor: string | undefined): Promise<UserView> {
  const { queries, revocations } = deps;
  const reads = Promise.all([
    queries.conversationsOf(userId, PAGE, cursor),
    queries.unreadOf(userId),
    revocations.ofUser(userId),
  ]);
  const [connections, [{ conversations, nextCursor }, unread, revocation]] = await Promise.all([
    connectionsOf(deps, userId),
    withDeadline(reads, DEADLINE_MS, 'user'),
  ]);
  return {
    userId,
    unread,
    ...(revocation && { revokedAt: revocation.issuedBefore.getTime() }),
    ...connections,
    conversations: conversations.map(({ updatedAt, ...rest }) => ({ ...rest, updatedAt: updatedAt.getTime() })),
    nextCursor,
  };
}

const reply = z.object({
  gateway: z.string(),
  connections: z.array(
    z.object({ connectionId: z.string(), since: z.number(), transport: z.enum(['websocket', 'polling']) }),
  ),
  more: z.number().default(0),
});

/** The connections that the gateways of the user report. */
async function connectionsOf(
  deps: UserDeps,
  userId: UserId,
): Promise<Pick<UserView, 'connections' | 'connectionsUnknown'>> {
  let answer: UserReplies;
  try {
    answer = await requestOfUser(deps, userId, 'list', REPLY_WITHIN_MS);
  } catch {
    return { connections: [], connectionsUnknown: 'Redis does not respond, so the gateways cannot be reached.' };
  }
  const parsed = answer.replies.map((one) => reply.safeParse(one));
  const connections = parsed.flatMap(({ data }): UserConnection[] =>
    (data?.connections ?? []).map((one) => ({ ...one, gateway: data?.gateway ?? '' })),
  );
  const missing = answer.missing + parsed.filter(({ success }) => !success).length;
  const more = parsed.reduce((sum, { data }) => sum + (data?.more ?? 0), 0);
  const unknown = [
    ...(missing > 0 ? [`${missing} of the user's gateways did not reply in time.`] : []),
    ...(more > 0 ? [`${more} further connections are not listed.`] : []),
  ].join(' ');
  return {
    connections: connections.sort((a, b) => a.since - b.since),
    ...(unknown && { connectionsUnknown: unknown }),
  };
}
