import { type Exception, Rejection } from '@chat-cluster/contracts';
import { Counter } from 'prom-client';
import type { GatewayConfig } from '../../config.ts';
import { type Rate, RateLimit, rateOf } from '../../token-bucket.ts';
import type { ChatSocket } from '../chat-socket.ts';
import {
  abortConnection,
  type Connection,
  type FrameListener,
  hasEnded,
  onUnseenFrame,
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
  if (hasEnded(connection)) return;
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

/** What a connection has sent. */
interface Received {
  /** Absent before authentication. */
  socket: ChatSocket | undefined;
  /** Packets before authentication. */
  packets: number;
  connects: number;
  probes: number;
}

/**
 * Counts what connections receive before engine.io and Socket.IO process it: packets of all types, upgrade probes, pings
 * and pongs of the WebSocket protocol, and what a client sends after the close. Socket.IO counts nothing, and registers
 * a socket only after the next tick, so that it would open a socket for every CONNECT packet that arrives until then.
 *
 * All connections share the listeners, so an idle one has little of its own.
 */
export class PacketGuard {
  readonly #config: GuardConfig;
  readonly #rate: Rate;
  readonly #received = new WeakMap<Connection, Received>();
  readonly #onPacket: (this: Connection, packet: ReceivedPacket) => void;
  readonly #onUpgrading: (this: Connection) => void;
  readonly #onUpgrade: (this: Connection) => void;
  readonly #onUnseenFrame: FrameListener;

  constructor(config: GuardConfig) {
    this.#config = config;
    this.#rate = rateOf(config.RATE_LIMIT_PER_SECOND, config.RATE_LIMIT_BURST);
    const guard = this;
    this.#onPacket = function (packet) {
      guard.#receive(this, packet);
    };
    this.#onUpgrading = function () {
      if (++guard.#of(this).probes > PROBES) cut(this, 'too_many_packets');
    };
    this.#onUpgrade = function () {
      guard.#onTransport(this);
    };
    this.#onUnseenFrame = (connection, bytes) => {
      const received = this.#of(connection);
      this.#countSize(received, bytes);
      this.#count(connection, received);
    };
  }

  /** Counts the packets of a connection that has just opened. */
  attach(connection: Connection): void {
    this.#received.set(connection, { socket: undefined, packets: 0, connects: 0, probes: 0 });
    connection.on('packet', this.#onPacket);
    this.#onTransport(connection);
    if (connection.transport.name === 'websocket') return;
    connection.on('upgrading', this.#onUpgrading);
    connection.on('upgrade', this.#onUpgrade);
  }

  /** From now on the client is a user, and the dispatcher counts its events. */
  authenticate(socket: ChatSocket): void {
    this.#of(socket.conn).socket = socket;
    socket.data.packets = new RateLimit(this.#rate);
    this.#limitSize(socket.conn);
  }

  #of(connection: Connection): Received {
    const received = this.#received.get(connection);
    if (!received) throw new Error('the guard is not attached to this connection');
    return received;
  }

  #onTransport(connection: Connection): void {
    onUnseenFrame(connection, this.#onUnseenFrame);
    this.#limitSize(connection);
  }

  #limitSize(connection: Connection): void {
    const most = this.#config.MAX_PACKET_BYTES;
    const { socket } = this.#of(connection);
    setMaxPacketBytes(connection.transport, socket ? most : Math.min(most, BYTES_BEFORE_AUTHENTICATION));
  }

  #receive(connection: Connection, packet: ReceivedPacket): void {
    const { type, data } = packet;
    const received = this.#of(connection);
    if (type === 'message' && typeof data === 'string') {
      const first = data.charCodeAt(0);
      if (isNestedDeeper(data, MAX_NESTING)) {
        packet.data = withoutPayload(data);
        if (packet.data === undefined) {
          cut(connection, 'nesting');
          return;
        }
      }
      if (first === CONNECT && ++received.connects > 1) {
        cut(connection, 'second_connect');
        return;
      }
      this.#countSize(received, data.length);
      if (received.socket && (first === EVENT || first === BINARY_EVENT)) return;
    }
    this.#count(connection, received);
  }

  /** Counts a large packet as more than one; the first one is counted where all packets are. */
  #countSize({ socket }: Received, bytes: number): void {
    if (bytes < BYTES_PER_COUNT) return;
    for (let more = Math.floor(bytes / BYTES_PER_COUNT); more > 0; more--) {
      socket?.data.packets.take();
      socket?.data.user.events.take();
    }
  }

  #count(connection: Connection, received: Received): void {
    if (!received.socket) {
      if (++received.packets > PACKETS_BEFORE_AUTHENTICATION) cut(connection, 'too_many_packets');
      return;
    }
    const { packets } = received.socket.data;
    if (packets.take() > 0 && packets.isAbused) cut(connection, 'rate_limit');
  }
}

/** An event packet with TOO_DEEP as its payload; undefined for other packets. */
function withoutPayload(packet: string): string | undefined {
  const [, head] = /^(2(?:\/,)?\d*\["\w{1,64}",)/.exec(packet) ?? [];
  return head && `${head}${JSON.stringify(TOO_DEEP)}]`;
}

/** The payload of the `exception` about a packet that is too large. */
export function tooLarge(bytes: number): Exception {
  return { event: 'unknown', error: new Rejection('VALIDATION_FAILED', { message: sizeLimit(bytes) }).payload };
}
