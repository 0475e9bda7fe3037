import type { Message, SyncAck } from '@chat-cluster/contracts';
import type { ChatSocket } from '../../src/index.ts';
import type { FakeCluster } from '../../src/testing/index.ts';

/** A socket of the fake cluster that keeps what it receives: names of events in order, and payloads by name. */
export interface FakeDevice {
  socket: ChatSocket;
  log: string[];
  received(event: string): unknown[];
  messages(): Message[];
  /** Emits an event. Resolves with its ack, which may be a failure. */
  call(event: string, payload: unknown): Promise<Ack>;
  sync(payload: unknown): Promise<SyncAck>;
}

export interface Ack {
  ok: boolean;
  [field: string]: unknown;
}

const EVENTS = ['connect', 'disconnect', 'connect_error', 'session', 'unread_count', 'new_message', 'messages_read'];
const RARE = ['sync_required', 'server_draining', 'presence', 'typing', 'token_expiring', 'session_ended', 'exception'];
const OF_GROUPS = ['message_changed', 'conversation_changed', 'block_changed', 'messages_delivered'];

/** Creates a device with these tokens, one for each attempt to connect, and connects it. */
export async function fakeDevice(cluster: FakeCluster, userId: string, token = cluster.tokenFor(userId)) {
  const device = unconnected(cluster, token);
  device.socket.connect();
  await cluster.idle();
  return device;
}

export function unconnected(cluster: FakeCluster, token: string): FakeDevice {
  const socket = cluster.socket(cluster.url, { auth: (send) => send({ token, protocol: 2 }) });
  const log: string[] = [];
  const payloads = new Map<string, unknown[]>();
  for (const event of [...EVENTS, ...RARE, ...OF_GROUPS]) {
    payloads.set(event, []);
    socket.on(event, (payload: unknown) => {
      log.push(event);
      payloads.get(event)?.push(payload);
    });
  }
  const received = (event: string) => payloads.get(event) ?? [];
  const call = (event: string, payload: unknown) =>
    new Promise<Ack>((resolve) => socket.emit(event, payload, (ack) => resolve(ack as Ack)));
  return {
    socket,
    log,
    received,
    call,
    messages: () => received('new_message') as Message[],
    sync: async (payload) => (await call('sync', payload)) as unknown as SyncAck,
  };
}
