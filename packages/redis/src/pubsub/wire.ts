import type { ServerEvent } from '@chat-cluster/contracts';
import notepack from 'notepack.io';
import type { PubSubKind } from './pubsub-port.ts';
import { EVENT } from './socket-io-internals.ts';

/** The format of messages to the Socket.IO adapters of the gateways, by kind. For their channels see channels.ts. */
export function wireOf(kind: PubSubKind): Wire {
  return kind === 'sharded' ? sharded : classic;
}

export interface Wire {
  packet(event: ServerEvent, payload: object): Packet;
  /** The message that makes a gateway emit the packet to the sockets of a room. */
  emit(room: string, packet: Packet, flags?: EmitFlags): string | Buffer;
  /** The messages, as few as possible, that make a gateway emit several packets to a room in order. */
  emitAll(room: string, packets: readonly Packet[]): (string | Buffer)[];
}

/** An event that is encoded once, whatever the number of rooms it goes to. */
export type Packet = string | Buffer;

/** Flags that adapters transport with a packet. They ignore unknown flags. */
export interface EmitFlags {
  /** A gateway drops the packet for a client that is not ready to receive. */
  volatile?: true;
  /** See {@link DeliveryTrace}. It does not reach clients. */
  trace?: DeliveryTrace;
}

/**
 * Joins a delivery to the traces of its message: the traceparent of its parent, then, separated by commas, those of
 * linked spans. Only for sampled messages.
 */
export type DeliveryTrace = string;

/** Message type BROADCAST of the sharded adapter. */
const BROADCAST = 3;
/** Id of the sender. No gateway has this id, so no gateway drops the message as its own echo. */
export const UID = 'emitter';

/** JSON. */
const sharded: Wire = {
  packet: (event, payload) => `["${event}",${JSON.stringify(payload)}]`,
  emit: (room, packet, flags = {}) => `${headOf(room, JSON.stringify(flags))}${packet}${TAIL}`,
  emitAll: (room, packets) => [
    packets.length === 1 ? sharded.emit(room, packets[0] ?? '') : `${SEVERAL}${packets.join(SEPARATOR)}`,
  ],
};

/**
 * Start of a message in a format of this project: several packets for the room of its channel. So all packets of a busy
 * batch for one user are one message. A JSON text contains no line break.
 */
const SEVERAL = '*';
const SEPARATOR = '\n';

/** JSON up to the data of the packet, which is the last value so that `packetsOf` can cut it out without parsing. */
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
 * The JSON texts `[event, payload]` of a message of kind `sharded` that `emit` without flags, or `emitAll`, made for
 * this room; undefined for any other message. Nothing is parsed: gateways send the texts to sockets as the worker
 * encoded them.
 */
export function packetsOf(message: string, room: string): string[] | undefined {
  if (message.startsWith(SEVERAL)) return message.slice(SEVERAL.length).split(SEPARATOR);
  const head = headOf(room, '{}');
  return message.startsWith(head) ? [message.slice(head.length, -TAIL.length)] : undefined;
}

/** Packet and trace of a message that `emit` made for this room with only a trace; undefined for any other message. */
export function tracedPacketOf(message: string, room: string): { packet: string; trace: DeliveryTrace } | undefined {
  const before = `${beforeFlags(room)}{"trace":"`;
  const after = `"}${AFTER_FLAGS}`;
  if (!message.startsWith(before)) return undefined;
  const end = message.indexOf(after, before.length);
  if (end < 0) return undefined;
  return { trace: message.slice(before.length, end), packet: message.slice(end + after.length, -TAIL.length) };
}

/** The packets as single messages of the sharded adapter. */
export function adapterMessages(room: string, packets: readonly string[]): Buffer[] {
  return packets.map((packet) => Buffer.from(sharded.emit(room, packet)));
}

/** MessagePack: start of an array of three values, of which the first is always UID. */
const HEAD = Buffer.concat([Buffer.from([0x93]), notepack.encode(UID)]);

const classic: Wire = {
  packet: (event, payload) => notepack.encode({ type: EVENT, data: [event, payload], nsp: '/' }),
  emit: (room, packet, flags = {}) =>
    Buffer.concat([HEAD, packet as Buffer, notepack.encode({ rooms: [room], except: [], flags })]),
  emitAll: (room, packets) => packets.map((packet) => classic.emit(room, packet)),
};
