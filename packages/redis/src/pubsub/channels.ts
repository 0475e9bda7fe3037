/**
 * The channels of the Socket.IO adapters (`@socket.io/redis-adapter` 8, sharded in mode `dynamic`, and classic), which
 * gateways run and workers speak. A test on real gateways holds the two together; a bump of the adapter runs it.
 */

/** Channel that every gateway hears. Emits to no room, or to several, go here; ours never do. */
export const EVERY_GATEWAY = 'socket.io#/#';

/**
 * The channel of a room. Sharded, only gateways that hold one of its sockets subscribe to it, also to that of a room of
 * 20 characters: the adapter takes such a name for a socket id, but only when it publishes.
 */
export function roomChannel(room: string): string {
  return `${EVERY_GATEWAY}${room}#`;
}

/** The room of a channel; empty for EVERY_GATEWAY. */
export function roomOf(channel: string): string {
  return channel.slice(EVERY_GATEWAY.length, -1);
}

/** On which workers tell every gateway that emits may be lost, of whom is not known. */
export const GAP_CHANNEL = 'chat:gap';
