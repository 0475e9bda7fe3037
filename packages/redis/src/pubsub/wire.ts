import type { ServerEvent } from '@chat-cluster/contracts';
import notepack from 'notepack.io';
import type { PubSubKind } from './pubsub.ts';

/** An event encoded once, whatever the number of rooms that it goes to. */
export type Packet = string | Buffer;

/** How emits look to the Socket.IO adapters, see channels.ts. */
export interface Wire {
  packet(event: ServerEvent, payload: object): Packet;
  /** The message that makes a gateway emit the packet to the sockets of a room. */
  emit(room: string, packet: Packet, flags?: EmitFlags): string | Buffer;
  /** The messages, in order, that make a gateway emit several packets to the sockets of a room: as few as the kind knows. */
  emitAll(room: string, packets: readonly Packet[]): (string | Buffer)[];
}

/** What the adapters carry beside a packet. They pass over what they do not know. */
export interface EmitFlags {
  /** Dropped by gateways for a client that is not ready to take it. */
  volatile?: true;
  /** See {@link DeliveryTrace}. No client sees it. */
  trace?: DeliveryTrace;
}

/**
 * By which a delivery joins the traces of its message: the traceparent of its parent, then, after commas, those of spans
 * that it is linked to. Only of messages that are sampled.
 */
export type DeliveryTrace = string;

export function wireOf(kind: PubSubKind): Wire {
  return kind === 'sharded' ? sharded : classic;
}

/** Message type BROADCAST of the sharded adapter, packet type EVENT of the Socket.IO protocol. */
const BROADCAST = 3;
const EVENT = 2;
/** Who emits: no gateway, so none takes it for its own echo. */
const UID = 'emitter';

/** JSON. */
const sharded: Wire = {
  packet: (event, payload) => `["${event}",${JSON.stringify(payload)}]`,
  emit: (room, packet, flags = {}) => `${headOf(room, JSON.stringify(flags))}${packet}${TAIL}`,
  emitAll: (room, packets) => [
    packets.length === 1 ? sharded.emit(room, packets[0] ?? '') : `${SEVERAL}${packets.join(SEPARATOR)}`,
  ],
};

/**
 * How a message begins that is not one of the adapter, but several packets for the room of its channel: what a busy batch
 * has for one user is one message. No JSON text has a line break in it.
 */
const SEVERAL = '*';
const SEPARATOR = '\n';

/** JSON whose last value is the data of the packet, so that it can be cut out as it is: see `dataOf`. */
function headOf(room: string, flags: string): string {
  return `${beforeFlags(room)}${flags}${AFTER_FLAGS}`;
}

function beforeFlags(room: string): string {
  const opts = `{"rooms":[${JSON.stringify(room)}],"except":[],"flags":`;
  return `{"uid":"${UID}","nsp":"/","type":${BROADCAST},"data":{"opts":${opts}`;
}

const AFTER_FLAGS = `},"packet":{"type":${EVENT},"nsp":"/","data":`;
const TAIL = '}}}';

/**
 * The JSON texts `[event, payload]` of a message of kind `sharded` that `emit`, without flags, or `emitAll` made for this
 * room; undefined for all others. Nothing is parsed: what a worker has encoded goes to the sockets as it is.
 */
export function packetsOf(message: string, room: string): string[] | undefined {
  if (message.startsWith(SEVERAL)) return message.slice(SEVERAL.length).split(SEPARATOR);
  const head = headOf(room, '{}');
  return message.startsWith(head) ? [message.slice(head.length, -TAIL.length)] : undefined;
}

/** The packet of a message that `emit` made with nothing but a trace for this room, and that trace; undefined for all others. */
export function tracedPacketOf(message: string, room: string): { packet: string; trace: DeliveryTrace } | undefined {
  const before = `${beforeFlags(room)}{"trace":"`;
  const after = `"}${AFTER_FLAGS}`;
  if (!message.startsWith(before)) return undefined;
  const end = message.indexOf(after, before.length);
  if (end < 0) return undefined;
  return { trace: message.slice(before.length, end), packet: message.slice(end + after.length, -TAIL.length) };
}

/** Each of the packets as the adapter takes it. */
export function adapterMessages(room: string, packets: readonly string[]): Buffer[] {
  return packets.map((packet) => Buffer.from(sharded.emit(room, packet)));
}

/** MessagePack: an array of three, of which the first is always the same. */
const HEAD = Buffer.concat([Buffer.from([0x93]), notepack.encode(UID)]);

const classic: Wire = {
  packet: (event, payload) => notepack.encode({ type: EVENT, data: [event, payload], nsp: '/' }),
  emit: (room, packet, flags = {}) =>
    Buffer.concat([HEAD, packet as Buffer, notepack.encode({ rooms: [room], except: [], flags })]),
  emitAll: (room, packets) => packets.map((packet) => classic.emit(room, packet)),
};
