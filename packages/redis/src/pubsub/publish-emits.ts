import { withDeadline } from '@chat-cluster/runtime';
import { roomChannel } from './channels.ts';
import type { Publisher } from './pubsub-port.ts';
import type { DeliveryTrace, Packet, Wire } from './wire.ts';

/** Time limit for a publish, in ms. Then it is given up: a lane must not wait longer for an emit that may be lost. */
export const PUBLISH_DEADLINE_MS = 2_000;

/** To a room: a packet, or a signal of room-signal.ts. */
export type Emit = [to: string, packet: Packet | Signal, trace?: DeliveryTrace | undefined];

export class Signal {
  readonly message: Buffer;

  constructor(message: Buffer) {
    this.message = message;
  }
}

/** An emit that Redis did not confirm. `isSignal`: the gateways of this user must read the user's rooms again. */
export interface Missed {
  room: string;
  isSignal: boolean;
}

/**
 * Resolves with the emits that Redis did not confirm in time. The emits of one room leave together, in order.
 */
export async function publishAll(pub: Publisher, wire: Wire, emits: readonly Emit[]): Promise<Missed[]> {
  const rooms: string[] = [];
  const sent: Promise<number>[] = [];
  for (const [to, ofRoom] of Map.groupBy(emits, ([room]) => room)) {
    for (const message of messagesOf(wire, to, ofRoom)) {
      rooms.push(to);
      sent.push(pub.publish(roomChannel(to), message));
    }
  }
  const settled = await withDeadline(Promise.allSettled(sent), PUBLISH_DEADLINE_MS, 'publish').catch(() => undefined);
  const missed = new Set(rooms.filter((_, i) => settled?.[i]?.status !== 'fulfilled'));
  if (missed.size === 0) return [];
  return emits.flatMap(([room, packet]) => (missed.has(room) ? [{ room, isSignal: packet instanceof Signal }] : []));
}

/**
 * As few messages as possible, in order: a signal, or an emit with a trace, is a message of its own, the latter in the
 * adapter's format; the emits between two of those are one message.
 */
function messagesOf(wire: Wire, to: string, emits: readonly Emit[]): (string | Buffer)[] {
  const messages: (string | Buffer)[] = [];
  let untraced: Packet[] = [];
  const endBatch = () => {
    if (untraced.length > 0) messages.push(...wire.emitAll(to, untraced));
    untraced = [];
  };
  for (const [, packet, trace] of emits) {
    if (packet instanceof Signal) {
      endBatch();
      messages.push(packet.message);
    } else if (trace !== undefined) {
      endBatch();
      messages.push(wire.emit(to, packet, { trace }));
    } else untraced.push(packet);
  }
  endBatch();
  return messages;
}
