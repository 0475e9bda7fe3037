import type { Group, Message, SyncAck } from '@chat-cluster/contracts';
import { eventually, newUser, type TestCluster, tokenFor, untilElsewhere } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { io, type Socket } from 'socket.io-client';

/** A stock client that records every event, with `auth.protocol` 2 unless it is of the base protocol. */
export interface Device {
  userId: string;
  gatewayId: string;
  socket: Socket;
  /** All events in order. */
  events: [event: string, payload: never][];
  /** The payloads of an event, in order. */
  of<T>(event: string): T[];
  /** The ack, also when it is a failure. */
  // biome-ignore lint/suspicious/noExplicitAny: each event has another ack.
  call(event: string, payload: object): Promise<any>;
  /** `seq` of the received entries of a conversation, in order. */
  seqs(conversationId: string): number[];
  close(): void;
}

/** Devices of a test, closed together. */
export function devicesOf(cluster: () => TestCluster) {
  const open: Device[] = [];
  async function connect(userId: string, protocol: 1 | 2 = 2): Promise<Device> {
    const auth = { token: tokenFor(cluster(), userId), ...(protocol === 2 && { protocol }) };
    const socket = io(cluster().url, { forceNew: true, auth });
    const events: Device['events'] = [];
    socket.onAny((event, payload) => events.push([event, payload as never]));
    const of = <T>(event: string): T[] => events.filter(([name]) => name === event).map(([, payload]) => payload as T);
    await eventually(() => expect(of('unread_count')).to.have.length.above(0));
    const device: Device = {
      userId,
      gatewayId: of<{ gatewayId: string }>('session')[0]?.gatewayId ?? '',
      socket,
      events,
      of,
      call: (event, payload) => socket.timeout(20_000).emitWithAck(event, payload),
      seqs: (id) =>
        of<Message>('new_message').flatMap(({ conversationId, seq }) => (conversationId === id ? [seq] : [])),
      close: () => socket.disconnect(),
    };
    open.push(device);
    return device;
  }
  /** A device of the user on another gateway. */
  function connectElsewhere(userId: string, gatewayId: string): Promise<Device> {
    return untilElsewhere(
      gatewayId,
      () => connect(userId),
      (device) => device.gatewayId,
    );
  }
  return {
    connect,
    connectElsewhere,
    /** Two devices per user, on two gateways. */
    async pairs(users: readonly string[]): Promise<[Device, Device][]> {
      return Promise.all(
        users.map(async (userId) => {
          const first = await connect(userId);
          return [first, await connectElsewhere(userId, first.gatewayId)] as [Device, Device];
        }),
      );
    },
    closeAll() {
      for (const device of open.splice(0)) device.close();
    },
  };
}

export function newUsers(...names: string[]): string[] {
  return names.map(newUser);
}

export async function createGroup(owner: Device, userIds: readonly string[], title = 'Lunch'): Promise<Group> {
  return okOf<{ group: Group }>(await owner.call('create_group', { title, userIds })).group;
}

/** The ack of a success. */
export function okOf<T>(ack: { ok: boolean; error?: { code: string; message: string } }): T {
  if (!ack.ok) throw new Error(`${ack.error?.code}: ${ack.error?.message}`);
  return ack as T;
}

export function codeOf(ack: { ok: boolean; error?: { code: string } }): string {
  return ack.ok ? 'ok' : (ack.error?.code ?? '');
}

export async function send(
  device: Device,
  conversationId: string,
  content: string,
  more: object = {},
): Promise<Message> {
  const ack = await device.call('send_message', { conversationId, content, ...more });
  return okOf<{ message: Message }>(ack).message;
}

export async function change(device: Device, conversationId: string, wanted: object): Promise<Group> {
  return okOf<{ group: Group }>(await device.call('change_group', { conversationId, change: wanted })).group;
}

export async function syncOne(device: Device, id: string, afterSeq = 0, afterRev?: number) {
  const conversations = [{ id, afterSeq, ...(afterRev === undefined ? {} : { afterRev }) }];
  const ack = okOf<SyncAck>(await device.call('sync', { conversations }));
  return { ack, one: ack.conversations[0] as SyncAck['conversations'][number] };
}
