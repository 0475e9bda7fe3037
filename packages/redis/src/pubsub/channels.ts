/*
 * The channels of the Socket.IO adapters (`@socket.io/redis-adapter` 8.3, `sharded` in mode `dynamic`, and `classic`).
 * Gateways run these adapters, and workers publish to their channels. A test with real gateways checks both sides.
 */

/** The channel that every gateway receives. Emits to no room, or to several rooms, use it; this project has none. */
export const EVERY_GATEWAY = 'socket.io#/#';

/**
 * The channel of a room. With `sharded` only gateways that hold a socket of the room subscribe to it. That includes a
 * room name of 20 characters: the adapter takes such a name for a socket id only when it publishes, and this project
 * does not publish through the adapter.
 */
export function roomChannel(room: string): string {
  return `${EVERY_GATEWAY}${room}#`;
}

/** The room of a channel; empty for EVERY_GATEWAY. */
export function roomOf(channel: string): string {
  return channel.slice(EVERY_GATEWAY.length, -1);
}

/** The channel on which workers notify every gateway that emits to unknown users may be lost. */
export const GAP_CHANNEL = 'chat:gap';
