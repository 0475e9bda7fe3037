import type { ConversationId } from '@chat-cluster/contracts';
import { ADAPTER_PREFIX, CLUSTER_NAME } from '../cluster-name.ts';

/*
 * The channels of the Socket.IO adapters (`@socket.io/redis-adapter` 8.3, `classic`, and `sharded` in mode
 * `dynamic-private`). Gateways run these adapters, and workers publish to their channels. A test with real gateways
 * checks both sides.
 */

/** The channel that every gateway receives, for emits to no room or to several rooms. This project has no such emit. */
export const EVERY_GATEWAY = `${ADAPTER_PREFIX}#/#`;

/**
 * The room of a group of more than LIMITS.smallGroup members. All other rooms are ids of users, which have no control
 * characters, so no user has this room.
 */
export function conversationRoom(id: ConversationId): string {
  return `\u0001${id}`;
}

/** The conversation of a room; undefined for the room of a user. */
export function conversationOfRoom(room: string): ConversationId | undefined {
  return room.startsWith('\u0001') ? (room.slice(1) as ConversationId) : undefined;
}

/**
 * The channel of a room: the id of a user, or {@link conversationRoom}. With `sharded` only gateways that hold a socket
 * of the room subscribe to it. No other channel has this form, so an id may have any characters.
 */
export function roomChannel(room: string): string {
  return `${EVERY_GATEWAY}${room}#`;
}

/** The room of a channel; empty for EVERY_GATEWAY. */
export function roomOf(channel: string): string {
  return channel.slice(EVERY_GATEWAY.length, -1);
}

/** The channel on which workers notify every gateway that emits may be lost and that the users are not known. */
export const GAP_CHANNEL = `${CLUSTER_NAME}:gap`;

/** The channel that signals a new conversation of a user to the gateways on which the user waits for a contact. */
export function newContactsChannel(userId: string): string {
  return `${CLUSTER_NAME}:new-contacts#${userId}`;
}

/** The channel on which all gateways are notified of users who have left a group, or were removed from one. */
export const LEFT_CHANNEL = `${CLUSTER_NAME}:left`;

/** The channel on which a gateway notifies all others that tokens were revoked. */
export const REVOKED_CHANNEL = `${CLUSTER_NAME}:revoked`;

/** The channel on which all gateways are notified that the epoch of the store was renewed. */
export const EPOCH_CHANNEL = `${CLUSTER_NAME}:epoch`;

/** The channel on which all gateways are notified of blocks between users that were set or removed. */
export const BLOCKS_CHANNEL = `${CLUSTER_NAME}:blocks`;
