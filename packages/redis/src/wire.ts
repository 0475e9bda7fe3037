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
}

/** `volatile`: dropped by gateways for a client that is not ready to take it. */
export interface EmitFlags {
  volatile?: true;
}

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
};

/** JSON whose last value is the data of the packet, so that it can be cut out as it is: see `dataOf`. */
function headOf(room: string, flags: string): string {
  const opts = `{"rooms":[${JSON.stringify(room)}],"except":[],"flags":${flags}}`;
  return `{"uid":"${UID}","nsp":"/","type":${BROADCAST},"data":{"opts":${opts},"packet":{"type":${EVENT},"nsp":"/","data":`;
}

const TAIL = '}}}';

/**
 * The JSON `[event, payload]` of a message of kind `sharded` that `emit` made for this room, without flags; undefined for
 * all others. Nothing is parsed: what a worker has encoded goes to the sockets as it is.
 */
export function dataOf(message: string, room: string): string | undefined {
  const head = headOf(room, '{}');
  return message.startsWith(head) ? message.slice(head.length, -TAIL.length) : undefined;
}

/** MessagePack: an array of three, of which the first is always the same. */
const HEAD = Buffer.concat([Buffer.from([0x93]), notepack.encode(UID)]);

const classic: Wire = {
  packet: (event, payload) => notepack.encode({ type: EVENT, data: [event, payload], nsp: '/' }),
  emit: (room, packet, flags = {}) =>
    Buffer.concat([HEAD, packet as Buffer, notepack.encode({ rooms: [room], except: [], flags })]),
};
