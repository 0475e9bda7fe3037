import type { Socket } from 'node:net';
import { type Logger, resetConnection } from '@chat-cluster/runtime';
import { Counter, Gauge } from 'prom-client';
import type { ChatServer } from '../server.ts';

const cuts = new Counter({
  name: 'chat_slow_consumer_disconnects_total',
  help: 'Connections cut because their client did not read, or did not poll',
});

export interface WriteBufferBounds {
  /** Of one connection: what its transport has not yet got rid of, and what waits behind that. */
  maxBytes: number;
  /** Of one connection: packets that wait for its transport. */
  maxPackets: number;
}

/**
 * Bounds what the gateway keeps for a client that stops reading or polling. engine.io keeps everything until the ping
 * time-out, up to 45 s later: 1,799 packets and 6 MB for one client in a measurement. Past a bound the connection is
 * cut with the reason `slow_consumer`, and all that it held is free at once. To a stock client that is a lost
 * connection: it comes back by itself and heals by history or sync.
 *
 * Emits are the hot path, so nothing is counted there: one listener, shared by all connections, returns at once (20 ns) while
 * the transport takes packets, and adds up what waits only now and then (SUM_EVERY). The verdict falls in
 * the next turn of the event loop, when a transport that was only waiting for this turn to end (flush-by-turn.ts) has
 * taken its packets: a burst of any number of packets is no reason to cut a client who reads.
 */
export function boundWriteBuffers(io: ChatServer, bounds: WriteBufferBounds, logger: Logger): void {
  const suspects = new Set<Connection>();

  function watch(this: Connection, packet: Packet): void {
    if (this.transport.writable) return;
    const { length } = this.writeBuffer;
    if (length <= bounds.maxPackets) {
      if (length % SUM_EVERY !== 0 && lengthOf(packet) < LARGE) return;
      if (bytesOf(this) + lengthOf(packet) <= bounds.maxBytes) return;
    }
    if (suspects.size === 0) setImmediate(setImmediate, judge);
    suspects.add(this);
  }

  function judge(): void {
    for (const connection of suspects) {
      const packets = connection.writeBuffer.length;
      const bytes = bytesOf(connection);
      if (connection.readyState === 'closed' || (packets <= bounds.maxPackets && bytes <= bounds.maxBytes)) continue;
      const transport = connection.transport.name;
      cut(connection, 'slow_consumer');
      cuts.inc();
      logger.warn({ packets, bytes, transport }, 'socket: cut a client that does not read');
    }
    suspects.clear();
  }

  io.engine.on('connection', (connection: Connection) => connection.on('packetCreate', watch));
  showBuffers(() => connectionsOf(io));
}

/** Every connection that is open, authenticated or not. */
export function connectionsOf(io: ChatServer): Connection[] {
  return Object.values((io.engine as unknown as { clients: Record<string, Connection> }).clients);
}

/** Packets between two sums: filling a buffer up to 10,000 packets costs about 6 ms of sums, 0.6 µs a packet. */
const SUM_EVERY = 8;
/** A packet of so many characters is summed at once, so that those between two sums are less than 128 kB. */
const LARGE = 16 * 1024;

/** What this file needs of an engine.io socket (6.6), some of it private there. */
interface Connection {
  readonly readyState: string;
  /** Not yet handed to the transport, which takes all of it at once when it is writable. */
  readonly writeBuffer: readonly Packet[];
  readonly transport: {
    readonly name: string;
    readonly writable: boolean;
    /** Only of a websocket transport. */
    readonly socket?: { readonly bufferedAmount: number; readonly _socket?: Socket | null };
    discard(): void;
  };
  on(event: 'packetCreate', listener: (this: Connection, packet: Packet) => void): void;
  onClose(reason: string): void;
}

interface Packet {
  data?: string | Uint8Array;
}

/**
 * Ends the connection without a word to the peer, who would not hear it: an orderly close waits 30 s for an answer,
 * with every buffer in memory. The reset also frees what the kernel still holds for the peer, up to 4 MB each.
 */
export function cut(connection: Connection, reason: string): void {
  const { transport } = connection;
  transport.discard();
  connection.onClose(reason);
  if (transport.socket?._socket) resetConnection(transport.socket._socket);
}

/** Text counts as its number of UTF-16 code units, which is what it takes up here (twice that, unless it is Latin-1). */
function bytesOf({ transport, writeBuffer }: Connection): number {
  let sum = transport.socket?.bufferedAmount ?? 0;
  for (const packet of writeBuffer) sum += lengthOf(packet);
  return sum;
}

function lengthOf({ data }: Packet): number {
  return data?.length ?? 0;
}

function showBuffers(connections: () => Connection[]): void {
  new Gauge({
    name: 'chat_write_buffer_bytes',
    help: 'Bytes that wait for clients to read them, of all connections',
    collect() {
      this.set(connections().reduce((sum, connection) => sum + bytesOf(connection), 0));
    },
  });
  new Gauge({
    name: 'chat_write_buffer_packets',
    help: 'Packets that wait for their transport, of the connection with the most',
    aggregator: 'max',
    collect() {
      this.set(connections().reduce((most, { writeBuffer }) => Math.max(most, writeBuffer.length), 0));
    },
  });
}
