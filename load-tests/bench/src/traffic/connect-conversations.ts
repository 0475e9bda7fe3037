import { mapConcurrently } from '@chat-cluster/testkit/lean-client';
import type {
  ConnectedConversation,
  Connection,
  ConnectionEvents,
  Device,
  PlannedConversation,
  Protocol,
} from './connection.ts';
import { connectSocketIo } from './socketio-connection.ts';
import type { Traffic } from './traffic.ts';
import { connectXmpp } from './xmpp-connection.ts';

/** How the devices of a server connect, and what it sends back. */
export interface TrafficPlan {
  protocol: Protocol;
  /** All devices of the conversation, the sender's included; 1 in a pair: the receiver's only. */
  devicesPerMessage: number;
  acks: boolean;
  /** All with the same number of devices. */
  conversations: PlannedConversation[];
  /** The two devices of a pair are to be on different gateways, which share one address. */
  apart?: boolean;
}

/** Devices that connect at the same time; connecting is not measured. */
export const CONNECTS_AT_ONCE = 50;

/** Connects all devices. Their messages go to the traffic that `traffic` returns at that moment. */
export function connectConversations(
  plan: TrafficPlan,
  traffic: () => Traffic | undefined,
  closed: (reason: string) => void,
): Promise<ConnectedConversation[]> {
  const { conversations, apart } = plan;
  const devicesAtOnce = Math.ceil(CONNECTS_AT_ONCE / conversations.length);
  return mapConcurrently(conversations, CONNECTS_AT_ONCE, async ({ conversationId, devices }, conversation) => {
    const open = (device: Device, side: number) =>
      connectDevice(plan, device, { message: (id, seq) => traffic()?.received(conversation, side, id, seq), closed });
    const connections = await mapConcurrently(devices, devicesAtOnce, open);
    if (apart) await moveApart(connections, () => open(devices[1] as Device, 1));
    return { conversationId, users: devices.map(({ user }) => user), connections };
  });
}

/** Reconnects the second device until it is on another gateway than the first. */
async function moveApart(connections: Connection[], open: () => Promise<Connection>): Promise<void> {
  while ((await connections[1]?.gatewayId) === (await connections[0]?.gatewayId)) {
    connections[1]?.close();
    connections[1] = await open();
  }
}

/** Rejects when the server refuses the device. */
export function connectDevice(
  { protocol, acks }: Pick<TrafficPlan, 'protocol' | 'acks'>,
  device: Device,
  events: ConnectionEvents,
): Promise<Connection> {
  return protocol === 'xmpp' ? connectXmpp(device, events) : connectSocketIo(device, acks, events);
}
