import { mapConcurrently } from '@chat-cluster/testkit/lean-client';
import type { ConnectedPair, Connection, ConnectionEvents, Device, PlannedPair, Protocol } from './connection.ts';
import { connectSocketIo } from './socketio-connection.ts';
import type { Traffic } from './traffic.ts';
import { connectXmpp } from './xmpp-connection.ts';

/** How the devices of a server connect, and what it sends back. */
export interface PairsPlan {
  protocol: Protocol;
  /** 2: the devices of receiver and sender; 1: the receiver's only. */
  devicesPerMessage: 1 | 2;
  acks: boolean;
  pairs: PlannedPair[];
  /** The two devices of a pair are to be on different gateways, which share one address. */
  apart?: boolean;
}

/** Devices that connect at the same time; connecting is not measured. */
export const CONNECTS_AT_ONCE = 50;

/** Connects all pairs. Their messages go to the traffic that `traffic` returns at that moment. */
export function connectPairs(
  plan: PairsPlan,
  traffic: () => Traffic | undefined,
  closed: (reason: string) => void,
): Promise<ConnectedPair[]> {
  return mapConcurrently(plan.pairs, CONNECTS_AT_ONCE, async ({ conversationId, devices: [a, b] }, pair) => {
    const open = (device: Device, side: 0 | 1) =>
      connectDevice(plan, device, { message: (id, seq) => traffic()?.received(pair, side, id, seq), closed });
    const first = await open(a, 0);
    let second = await open(b, 1);
    while (plan.apart && (await second.gatewayId) === (await first.gatewayId)) {
      second.close();
      second = await open(b, 1);
    }
    return { conversationId, users: [a.user, b.user], connections: [first, second] };
  });
}

/** Rejects when the server refuses the device. */
export function connectDevice(
  { protocol, acks }: Pick<PairsPlan, 'protocol' | 'acks'>,
  device: Device,
  events: ConnectionEvents,
): Promise<Connection> {
  return protocol === 'xmpp' ? connectXmpp(device, events) : connectSocketIo(device, acks, events);
}
