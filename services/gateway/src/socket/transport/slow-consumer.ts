import type { Logger } from '@chat-cluster/runtime';
import { Counter, Gauge } from 'prom-client';
import type { GatewayConfig } from '../../config.ts';
import type { ChatServer } from '../chat-socket.ts';
import {
  abortConnection,
  type Connection,
  connectionsOf,
  type Packet,
  type PacketListener,
  sizeOf,
  waitingBytes,
  waitingPackets,
} from '../engine-io.ts';

const disconnects = new Counter({
  name: 'chat_slow_consumer_disconnects_total',
  help: 'Connections closed because their client stopped reading or polling',
});

/** Counts a client that was disconnected because it does not read. */
export function countSlowConsumer(): void {
  disconnects.inc();
}

export interface WriteBufferDeps {
  config: Pick<GatewayConfig, 'WRITE_BUFFER_MAX_BYTES' | 'WRITE_BUFFER_MAX_PACKETS'>;
  logger: Logger;
  /** Receives every connection that may have unread output, for unread-budget.ts, which removes it. */
  backlog: Set<Connection>;
}

/**
 * Bounds the data that the gateway keeps for a client that stops reading or polling. engine.io keeps everything until
 * its ping times out, up to 45 s later. Beyond a bound the connection is aborted with the reason `slow_consumer`,
 * without a close frame, which a client that does not read would not answer. A stock client treats that as a lost
 * connection: it reconnects by itself and catches up by history or sync.
 *
 * Returns the `packetCreate` listener, which all connections share. Emits are the hot path, so it returns at once while
 * the transport takes packets, and sums the waiting bytes only for every 8th packet (SUM_EVERY) and for large ones
 * (LARGE). A connection beyond a bound is checked again in the next turn. By then a transport that flush-by-turn.ts had
 * held has taken its packets, so a burst of any size does not disconnect a client that reads.
 */
export function boundWriteBuffers(io: ChatServer, { config, logger, backlog }: WriteBufferDeps): PacketListener {
  const { WRITE_BUFFER_MAX_BYTES: maxBytes, WRITE_BUFFER_MAX_PACKETS: maxPackets } = config;
  const suspects = new Set<Connection>();
  showBuffers(io);

  function disconnectSlow(): void {
    for (const connection of suspects) {
      const [packets, bytes] = [waitingPackets(connection), waitingBytes(connection)];
      if (connection.readyState === 'closed' || (packets <= maxPackets && bytes <= maxBytes)) continue;
      const transport = connection.transport.name;
      abortConnection(connection, 'slow_consumer');
      disconnects.inc();
      logger.warn({ packets, bytes, transport }, 'socket: disconnected a client that does not read');
    }
    suspects.clear();
  }

  return function checkBounds(this: Connection, packet: Packet): void {
    if (this.transport.writable) {
      if (sizeOf(packet) >= LARGE) backlog.add(this);
      return;
    }
    backlog.add(this);
    const packets = waitingPackets(this);
    if (packets <= maxPackets) {
      if (packets % SUM_EVERY !== 0 && sizeOf(packet) < LARGE) return;
      if (waitingBytes(this) + sizeOf(packet) <= maxBytes) return;
    }
    if (suspects.size === 0) setImmediate(setImmediate, disconnectSlow);
    suspects.add(this);
  };
}

/** Packets between two sums, so that filling a buffer of 10,000 packets costs about 0.6 µs per packet. */
const SUM_EVERY = 8;
/** Size from which a packet is summed at once, so that the packets between two sums have less than 128 kB. */
const LARGE = 16 * 1024;

function showBuffers(io: ChatServer): void {
  new Gauge({
    name: 'chat_write_buffer_bytes',
    help: 'Bytes not yet read by clients, summed over all connections',
    collect() {
      this.set(connectionsOf(io).reduce((sum, connection) => sum + waitingBytes(connection), 0));
    },
  });
  new Gauge({
    name: 'chat_write_buffer_packets',
    help: 'Packets that wait for their transport, of the connection with the most',
    aggregator: 'max',
    collect() {
      this.set(connectionsOf(io).reduce((most, connection) => Math.max(most, waitingPackets(connection)), 0));
    },
  });
}
