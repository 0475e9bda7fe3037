/**
 * The wire format of the sharded Socket.IO adapter (`@socket.io/redis-adapter` 8, mode `dynamic`), which gateways run
 * and workers speak. A test on real gateways holds the two together; a bump of the adapter runs it.
 */

/** Channel that every gateway hears. */
export const EVERY_GATEWAY = 'socket.io#/#';

/**
 * The channel of a room: only gateways that hold one of its sockets subscribe to it. The adapter takes rooms of
 * exactly 20 characters for socket ids and subscribes to nothing for them, so those go to every gateway.
 */
export function roomChannel(room: string): string {
  return room.length === 20 ? EVERY_GATEWAY : `${EVERY_GATEWAY}${room}#`;
}

/** On which workers tell every gateway that emits may be lost, of whom is not known. */
export const GAP_CHANNEL = 'chat:gap';
