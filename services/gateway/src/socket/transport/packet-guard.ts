import { type Exception, Rejection } from '@chat-cluster/contracts';
import { Counter } from 'prom-client';
import type { GatewayConfig } from '../../config.ts';
import { RateLimit } from '../../token-bucket.ts';
import type { ChatSocket } from '../chat-socket.ts';
import {
  abortConnection,
  type Connection,
  emitOnTooLargePacket,
  onControlFrame,
  type ReceivedPacket,
  setMaxPacketBytes,
} from '../engine-io.ts';
import { isNestedDeeper } from './nesting.ts';

const cuts = new Counter({
  name: 'chat_connections_cut_total',
  help: 'Connections cut because of what their client did or did not do, by reason; infra/OPERATE.md lists the limits',
  labelNames: ['reason'],
});

export type CutReason =
  | 'second_connect'
  | 'too_many_packets'
  | 'rate_limit'
  | 'nesting'
  | 'authentication_timeout'
  | 'address_share'
  | 'pipelining'
  | 'body_parts'
  | 'idle';

/** Counts a connection that is cut. */
export function countCut(reason: CutReason): void {
  cuts.inc({ reason });
}

/** Ends a connection whose client does what no stock client does. */
export function cut(connection: Connection, reason: CutReason): void {
  if (connection.readyState === 'closed') return;
  countCut(reason);
  abortConnection(connection, reason);
}

type GuardConfig = Pick<GatewayConfig, 'RATE_LIMIT_PER_SECOND' | 'RATE_LIMIT_BURST' | 'MAX_PACKET_BYTES'>;

/** Packets of a connection before it has authenticated. A stock client sends one, or two with a pong. */
const PACKETS_BEFORE_AUTHENTICATION = 8;
/** Upgrade probes of a connection; a stock client sends one. */
const PROBES = 4;

/** Largest packet before authentication, in bytes: a CONNECT packet with the longest token has about 8,300. */
const BYTES_BEFORE_AUTHENTICATION = 16 * 1_024;
/** Levels of arrays and objects in a packet; those of the contract have up to 4. */
const MAX_NESTING = 32;
/** A packet counts once per started 16 kB: parsing one of 128 kB with small objects takes 10 ms. */
const BYTES_PER_COUNT = 16 * 1_024;

/** Replaces the payload of an event that is nested too deep. The dispatcher rejects the event with this message. */
export const TOO_DEEP = `A packet may be nested at most ${MAX_NESTING} levels deep.`;

/** The message for a packet that is too large. */
export function sizeLimit(maxBytes: number): string {
  const first = Math.min(maxBytes, BYTES_BEFORE_AUTHENTICATION);
  return `A packet may have at most ${maxBytes} bytes, and ${first} before authentication.`;
}

/** First character of a packet of Socket.IO, by type. */
const [CONNECT, EVENT, BINARY_EVENT] = ['0', '2', '5'].map((type) => type.charCodeAt(0));

/**
 * Counts what a connection receives before engine.io and Socket.IO process it: packets of all types, upgrade probes, and
 * pings and pongs of the WebSocket protocol. Socket.IO counts nothing, and registers a socket only after the next tick,
 * so that it would open a socket for every CONNECT packet that arrives until then.
 */
export class PacketGuard {
  /** The dispatcher uses it too, since it answers the events beyond the limit. */
  readonly #limit: RateLimit;
  readonly #connection: Connection;
  readonly #config: GuardConfig;
  #socket: ChatSocket | undefined;
  #received = 0;
  #connects = 0;
  #probes = 0;

  constructor(connection: Connection, config: GuardConfig) {
    this.#connection = connection;
    this.#config = config;
    this.#limit = new RateLimit(config.RATE_LIMIT_PER_SECOND, config.RATE_LIMIT_BURST);
    connection.on('packet', (packet: ReceivedPacket) => this.#onPacket(packet));
    connection.on('upgrading', () => {
      if (++this.#probes > PROBES) cut(connection, 'too_many_packets');
    });
    connection.on('upgrade', () => this.#onTransport());
    this.#onTransport();
  }

  /** From now on the client is a user, and the dispatcher counts its events. */
  authenticate(socket: ChatSocket): void {
    this.#socket = socket;
    this.#limitSize();
    socket.data.packets = this.#limit;
  }

  #onTransport(): void {
    const { transport } = this.#connection;
    onControlFrame(transport, () => this.#count());
    emitOnTooLargePacket(transport, 'exception', () => tooLarge(this.#config.MAX_PACKET_BYTES));
    this.#limitSize();
  }

  #limitSize(): void {
    const most = this.#config.MAX_PACKET_BYTES;
    setMaxPacketBytes(this.#connection.transport, this.#socket ? most : Math.min(most, BYTES_BEFORE_AUTHENTICATION));
  }

  #onPacket(packet: ReceivedPacket): void {
    const { type, data } = packet;
    if (type === 'message' && typeof data === 'string') {
      const first = data.charCodeAt(0);
      if (isNestedDeeper(data, MAX_NESTING)) {
        packet.data = withoutPayload(data);
        if (packet.data === undefined) {
          cut(this.#connection, 'nesting');
          return;
        }
      }
      if (first === CONNECT && ++this.#connects > 1) {
        cut(this.#connection, 'second_connect');
        return;
      }
      if (data.length >= BYTES_PER_COUNT) this.#countSize(data.length);
      if (this.#socket && (first === EVENT || first === BINARY_EVENT)) return;
    }
    this.#count();
  }

  /** Counts a large packet as more than one; the first one is counted where all packets are. */
  #countSize(bytes: number): void {
    for (let more = Math.floor(bytes / BYTES_PER_COUNT); more > 0; more--) {
      this.#limit.take();
      this.#socket?.data.user.events.take();
    }
  }

  #count(): void {
    if (!this.#socket) {
      if (++this.#received > PACKETS_BEFORE_AUTHENTICATION) cut(this.#connection, 'too_many_packets');
      return;
    }
    if (this.#limit.take() > 0 && this.#limit.isAbused) cut(this.#connection, 'rate_limit');
  }
}

/** An event packet with TOO_DEEP as its payload; undefined for other packets. */
function withoutPayload(packet: string): string | undefined {
  const [, head] = /^(2(?:\/,)?\d*\["\w{1,64}",)/.exec(packet) ?? [];
  return head && `${head}${JSON.stringify(TOO_DEEP)}]`;
}

function tooLarge(bytes: number): Exception {
  return { event: 'unknown', error: new Rejection('VALIDATION_FAILED', { message: sizeLimit(bytes) }).payload };
}
