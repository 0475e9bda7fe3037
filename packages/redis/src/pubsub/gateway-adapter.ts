import { EventEmitter } from 'node:events';
import type { ConversationId, UserId } from '@chat-cluster/contracts';
import { type Span, startSpan } from '@chat-cluster/runtime';
import redisAdapter from '@socket.io/redis-adapter';
import { Counter } from 'prom-client';
import type { Namespace, ServerOptions } from 'socket.io';
import { ADAPTER_PREFIX } from '../cluster-name.ts';
import { broadcastEncoded, broadcastOfProtocol2 } from './broadcast-encoded.ts';
import { conversationOfRoom, EVERY_GATEWAY, GAP_CHANNEL, roomChannel, roomOf } from './channels.ts';
import { isPacketOfProtocol2, textOfProtocol2 } from './protocol-2.ts';
import type { Publisher, PubSub, RawListener, Subscriber } from './pubsub-port.ts';
import { parseLeaveSignal, parseUserSignal, roomSignalOf } from './room-signal.ts';
import { joinNoRoomsOfSocketIds, type LocalAdapter, type ReceivingAdapter } from './socket-io-internals.ts';
import { parseUserRequest, type UserRequest, userRequestOf } from './user-requests.ts';
import { adapterMessages, type DeliveryTrace, packetsOf, tracedPacketOf, UID } from './wire.ts';

const gaps = new Counter({
  name: 'chat_fanout_gaps_total',
  help: 'Times that emits may not have reached this gateway; its sockets then receive sync_required',
});
const received = new Counter({ name: 'chat_fanout_received_total', help: 'Emits that reached this gateway' });
const useful = new Counter({
  name: 'chat_fanout_useful_total',
  help: 'Emits that reached this gateway while it held a socket of their room',
});
const failed = new Counter({
  name: 'chat_adapter_publish_errors_total',
  help: 'Emits of this gateway that did not reach the other gateways',
});

type AdapterFactory = Extract<NonNullable<ServerOptions['adapter']>, (nsp: Namespace) => unknown>;

/**
 * The Socket.IO adapter of a gateway, on the pub/sub of the cluster.
 *
 * The adapter of the library neither waits for its subscriptions nor restores them, and the `classic` one ends the
 * process when it cannot publish. So it receives, instead of clients, objects with the methods that it calls, built on
 * the publisher and the subscriber of this package.
 *
 * After `join()` the adapter subscribes without waiting, so emits right after a join can be missed (5 of 200 in a
 * measurement). `subscribed(room)` resolves when Redis has confirmed the channel of the room: everything committed
 * before is in Postgres, everything emitted after arrives.
 *
 * `onGap` calls its listener when emits may have been lost: the subscriptions are restored after a lost connection, or
 * a worker reports emits that may have reached no gateway.
 */
export function createGatewayAdapter({ publisher, subscriber }: Omit<PubSub, 'close'>) {
  const sharded = subscriber.kind === 'sharded';
  const factory = sharded ? shardedAdapter(publisher, subscriber) : classicAdapter(publisher, subscriber);
  const control = new EventEmitter<ControlEvents>();
  return {
    adapter: receivingAdapter(factory, control) as AdapterFactory,
    subscribed: (room: string): Promise<void> => subscriber.settled(sharded ? roomChannel(room) : `${EVERY_GATEWAY}*`),
    onGap(listener: () => void): void {
      const onGap = () => {
        gaps.inc();
        listener();
      };
      subscriber.onGap(onGap);
      void subscriber.subscribe(GAP_CHANNEL, onGap);
    },
    /** Calls `listener` with requests of operators about a user; see user-requests.ts. */
    onUserRequest: (listener: (userId: UserId, request: UserRequest) => void) => void control.on('request', listener),
    /**
     * Calls `onRooms` when the groups with a room of a user who is connected here have changed, and `onLeave`, in order
     * with the emits, when users must leave the room of a group at once.
     */
    onRoomSignal({ onRooms, onLeave }: RoomListeners): void {
      control.on('rooms', onRooms).on('leave', onLeave);
    },
  };
}

/**
 * Made of the methods that the adapter calls on a client of node-redis. In its default mode, `dynamic`, a room that is
 * named like a connected socket has no channel.
 */
function shardedAdapter(publisher: Publisher, subscriber: Subscriber) {
  const client = {
    sPublish: countingFailures(publisher),
    sSubscribe: (channel: string, listener: RawListener) => subscriber.subscribeRaw(channel, listener),
    sUnsubscribe: (channel: string) => subscriber.unsubscribe(channel),
  };
  const factory = redisAdapter.createShardedAdapter(client, client, {
    channelPrefix: ADAPTER_PREFIX,
    subscriptionMode: 'dynamic-private',
  });
  return (nsp: Namespace) => {
    const adapter = factory(nsp) as unknown as ReceivingAdapter;
    // Its name is that of a room's channel, and gateways make no requests to each other.
    void subscriber.unsubscribe(adapter.responseChannel ?? '');
    adapter.responseChannel = '';
    return adapter;
  };
}

function classicAdapter(publisher: Publisher, subscriber: Subscriber) {
  const client = {
    publish: countingFailures(publisher),
    pSubscribe: (pattern: string, listener: RawListener) => subscriber.subscribeRaw(pattern, listener, 'pattern'),
    pUnsubscribe: (pattern: string) => subscriber.unsubscribe(pattern),
    subscribe: (channels: string[], listener: RawListener) =>
      Promise.all(channels.map((channel) => subscriber.subscribeRaw(channel, listener))),
    unsubscribe: (channel: string) => subscriber.unsubscribe(channel),
    // The adapter listens for errors only to print a warning when there is no other listener.
    on() {},
    off() {},
  };
  return redisAdapter.createAdapter(client, client, { key: ADAPTER_PREFIX });
}

/** `publish` that never rejects: the adapter does not await it. */
function countingFailures(publisher: Publisher) {
  return (channel: string, message: string | Buffer): Promise<number> =>
    publisher.publish(channel, message).catch(() => {
      failed.inc();
      return 0;
    });
}

export interface RoomListeners {
  onRooms(userId: UserId): void;
  onLeave(id: ConversationId, userIds: readonly UserId[]): void;
}

interface ControlEvents {
  request: [userId: UserId, request: UserRequest];
  rooms: [userId: UserId];
  leave: [id: ConversationId, userIds: readonly UserId[]];
}

/** Counts messages from Redis, writes encoded packets to sockets. A function, since Socket.IO calls it with `new`. */
function receivingAdapter(factory: (nsp: Namespace) => unknown, control: EventEmitter<ControlEvents>) {
  /** Handles a message that is not an emit. */
  const isControl = (adapter: LocalAdapter, message: Buffer, channel: Buffer): boolean => {
    const signal = roomSignalOf(message);
    if (signal !== undefined) {
      const room = roomOf(channel.toString());
      if (adapter.rooms.has(room)) onRoomSignal(control, room, signal);
      return true;
    }
    const text = userRequestOf(message);
    if (text === undefined) return false;
    const request = parseUserRequest(text);
    if (request) control.emit('request', roomOf(channel.toString()) as UserId, request);
    return true;
  };
  return function adapterOf(nsp: Namespace) {
    const adapter = factory(nsp) as ReceivingAdapter;
    joinNoRoomsOfSocketIds(adapter);
    const count = (channel: Buffer): string => {
      received.inc();
      const room = roomOf(channel.toString());
      if (room === '' || adapter.rooms.has(room)) useful.inc();
      return room;
    };
    const { onRawMessage, onmessage } = adapter;
    if (onRawMessage) {
      adapter.onRawMessage = function (message, channel) {
        if (isControl(adapter, message, channel)) return;
        const room = count(channel);
        const text = message.toString();
        const untraced = packetsOf(text, room);
        const traced = untraced ? undefined : tracedPacketOf(text, room);
        const packets = untraced ?? (traced && [traced.packet]);
        const span = traced && startDelivery(adapter, room, traced.trace);
        if (packets === undefined) onRawMessage.call(this, message, channel);
        else if (!broadcastEncoded(adapter, room, packets)) {
          for (const packet of packets) {
            if (isPacketOfProtocol2(packet)) broadcastOfProtocol2(adapter, room, packet);
            else for (const one of adapterMessages(room, [packet])) onRawMessage.call(this, one, channel);
          }
        }
        // The gateway writes to its sockets at the end of this turn (flush-by-turn.ts), before this callback.
        if (span) setImmediate(() => span.end());
      };
    }
    if (onmessage) {
      adapter.onmessage = function (pattern, channel, message) {
        if (isControl(adapter, message, channel)) return;
        const room = count(channel);
        const text = adapter.rooms.has(room) ? textOfProtocol2(message, UID) : undefined;
        if (text === undefined) onmessage.call(this, pattern, channel, message);
        else broadcastOfProtocol2(adapter, room, text);
      };
    }
    return adapter;
  };
}

function onRoomSignal(control: EventEmitter<ControlEvents>, room: string, signal: string): void {
  const id = conversationOfRoom(room);
  if (id !== undefined) {
    control.emit('leave', id, parseLeaveSignal(signal));
    return;
  }
  const userId = room as UserId;
  const { leave } = parseUserSignal(signal);
  if (leave !== undefined) control.emit('leave', leave, [userId]);
  control.emit('rooms', userId);
}

/** The span of the last step of a message: from Redis to the sockets of its room. */
function startDelivery({ rooms }: LocalAdapter, room: string, trace: DeliveryTrace): Span | undefined {
  const sockets = rooms.get(room)?.size ?? 0;
  const [parent, ...links] = trace.split(',');
  return sockets === 0
    ? undefined
    : startSpan('deliver', { kind: 'consumer', parent, links, attributes: { 'chat.sockets': sockets } });
}
