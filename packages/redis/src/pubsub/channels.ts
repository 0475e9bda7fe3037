/*
 * The channels of the Socket.IO adapters (`@socket.io/redis-adapter` 8.3, `sharded` in mode `dynamic`, and `classic`).
 * Gateways run these adapters, and workers publish to their channels. A test with real gateways checks both sides.
 */

/** The channel that every gateway receives, for emits to no room or to several rooms. This project has no such emit. */
export const EVERY_GATEWAY = 'socket.io#/#';

/**
 * The channel of a room. With `sharded` only gateways that hold a socket of the room subscribe to it. The adapter
 * treats a room name of 20 characters as a socket id when it publishes; this project does not publish through the
 * adapter, so such rooms work too.
 */
export function roomChannel(room: string): string {
  return `${EVERY_GATEWAY}${room}#`;
}

/** The room of a channel; empty for EVERY_GATEWAY. */
export function roomOf(channel: string): string {
  return channel.slice(EVERY_GATEWAY.length, -1);
}

/** The channel on which workers notify every gateway that emits may be lost and that the users are not known. */
export const GAP_CHANNEL = 'chat:gap';

/** The channel that signals a new conversation of a user to the gateways on which the user waits for a contact. */
export function newContactsChannel(userId: string): string {
  return `chat:new-contacts#${userId}`;
}

/** The channel on which a gateway notifies all others that tokens were revoked. */
export const REVOKED_CHANNEL = 'chat:revoked';
