import type { ServerEvent } from '@chat-cluster/contracts';
import notepack from 'notepack.io';
import { EVENT } from './socket-io-internals.ts';

/*
 * Events for connections with `auth.protocol` 2 only. Gateways filter them at delivery, by the first bytes of the
 * encoded packet, so that every other event costs one comparison.
 */

const EVENTS: readonly ServerEvent[] = [
  'message_changed',
  'conversation_changed',
  'block_changed',
  'messages_delivered',
];

export function isOfProtocol2(event: ServerEvent): boolean {
  return EVENTS.includes(event);
}

const JSON_STARTS = EVENTS.map((event) => `["${event}",`);

/** Whether a packet of kind `sharded`, a JSON text `[event, payload]`, has such an event. */
export function isPacketOfProtocol2(packet: string): boolean {
  return JSON_STARTS.some((start) => packet.startsWith(start));
}

/** MessagePack up to the payload: a map of `type`, `data` and `nsp`, whose `data` begins with the event. */
const PACKET_STARTS = EVENTS.map((event) =>
  Buffer.concat([
    ...[Buffer.from([0x83]), notepack.encode('type'), notepack.encode(EVENT)],
    ...[notepack.encode('data'), Buffer.from([0x92]), notepack.encode(event)],
  ]),
);

/** Start of a message of kind `classic`: an array of three values, of which the first is the id of the sender. */
const messageStart = (uid: string) => Buffer.concat([Buffer.from([0x93]), notepack.encode(uid)]);

/**
 * Finds such an event in a message of kind `classic` from the sender `uid`. Returns the text `[event, payload]`;
 * undefined for all other messages.
 */
export function textOfProtocol2(message: Buffer, uid: string): string | undefined {
  const at = messageStart(uid).length;
  const isOne = PACKET_STARTS.some((start) => message.subarray(at, at + start.length).equals(start));
  if (!isOne) return undefined;
  const [, packet] = notepack.decode(message) as [string, { data: unknown }];
  return JSON.stringify(packet.data);
}
