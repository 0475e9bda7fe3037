import { type Connection, holdPackets, type PacketListener, type Transport, writeHeldPackets } from '../engine-io.ts';

/**
 * Writes to each websocket once per turn of the event loop. engine.io uses a system call per packet, and writing to
 * sockets is the most expensive single operation of a gateway. Packets of a client come in bunches: the ack and the
 * `new_message` of a sender arrive in one read from Redis, and at full speed a batch has several messages of one
 * conversation.
 *
 * A packet waits for the end of its turn (`setImmediate`), which on an idle gateway is at once. Meanwhile its transport
 * is not writable, so Socket.IO drops a volatile packet that follows another one in the same turn, as it does while
 * engine.io is writing. Long-polling transports are not held: a poll takes all waiting packets anyway.
 *
 * Returns the `packetCreate` listener, which all connections share.
 */
export function flushByTurn(): PacketListener {
  let held: { connection: Connection; transport: Transport }[] = [];

  function flush(): void {
    const flushed = held;
    held = [];
    for (const { connection, transport } of flushed) writeHeldPackets(connection, transport);
  }

  return function hold(this: Connection): void {
    const transport = holdPackets(this);
    if (!transport) return;
    if (held.length === 0) setImmediate(flush);
    held.push({ connection: this, transport });
  };
}
