import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { UserId } from '@chat-cluster/contracts';
import { withDeadline } from '@chat-cluster/runtime';
import { CLUSTER_NAME } from '../cluster-name.ts';
import type { RedisClient } from '../connection/connection.ts';
import { roomChannel } from './channels.ts';
import { controlMessage, controlText } from './control-message.ts';
import type { Publisher } from './pubsub-port.ts';

/*
 * Requests of operators about the connections of one user. A request is a message on the channel of the user's room, so
 * with `sharded` only the gateways that hold the user receive it, and connections cost nothing for it. Each gateway that
 * receives it adds its reply to a list in the cache Redis.
 */

/** `list`: describe the connections of the user. `close`: close them. */
export interface UserRequest {
  id: string;
  act: 'list' | 'close';
}

const MARK = '?';
/** Time for which replies are kept, in ms. */
const REPLIES_TTL_MS = 10_000;
/** Time between two reads of the replies, in ms. */
const POLL_MS = 20;
/** Time limit for a command of Redis, in ms. */
const DEADLINE_MS = 1_000;

/** The replies of the gateways, and the number of gateways that received the request and did not reply in time. */
export interface UserReplies {
  replies: unknown[];
  missing: number;
}

/**
 * Sends a request to the gateways of a user and collects their replies. Rejects when Redis does not respond. A gateway
 * that is about to subscribe to the room may not receive the request.
 */
export async function requestOfUser(
  { publisher, cache }: { publisher: Publisher; cache: RedisClient },
  userId: UserId,
  act: UserRequest['act'],
  withinMs: number,
): Promise<UserReplies> {
  const request: UserRequest = { id: randomUUID(), act };
  const published = publisher.publish(roomChannel(userId), controlMessage(MARK, JSON.stringify(request)));
  const receivers = await withDeadline(published, DEADLINE_MS, 'publish');
  const deadline = performance.now() + withinMs;
  for (;;) {
    const texts =
      receivers === 0 ? [] : await withDeadline(cache.lRange(keyOf(request.id), 0, -1), DEADLINE_MS, 'replies');
    const replies = texts.map((text) => JSON.parse(text) as unknown);
    if (replies.length >= receivers || performance.now() > deadline) {
      return { replies, missing: Math.max(0, receivers - replies.length) };
    }
    await delay(POLL_MS);
  }
}

/** In a gateway: sends the reply to a request. Rejects when Redis does not respond. */
export async function replyToRequest(cache: RedisClient, id: string, reply: object): Promise<void> {
  const key = keyOf(id);
  const added = Promise.all([cache.rPush(key, JSON.stringify(reply)), cache.pExpire(key, REPLIES_TTL_MS)]);
  await withDeadline(added, DEADLINE_MS, 'reply');
}

/** The text of a request; undefined for any other message. */
export function userRequestOf(message: Buffer): string | undefined {
  return controlText(MARK, message);
}

/** The request of a text; undefined if it is not readable. */
export function parseUserRequest(text: string): UserRequest | undefined {
  try {
    const { id, act } = JSON.parse(text) as Partial<UserRequest>;
    return typeof id === 'string' && (act === 'list' || act === 'close') ? { id, act } : undefined;
  } catch {
    return undefined;
  }
}

function keyOf(id: string): string {
  return `${CLUSTER_NAME}:user-replies:${id}`;
}
