import { type Span, startSpan } from '@chat-cluster/runtime';
import redisAdapter from '@socket.io/redis-adapter';
import { Counter } from 'prom-client';
import type { Namespace, ServerOptions } from 'socket.io';
import { broadcastEncoded, type LocalRooms } from './broadcast-encoded.ts';
import { EVERY_GATEWAY, GAP_CHANNEL, roomChannel, roomOf } from './channels.ts';
import type { Publisher, PubSub, RawListener, Subscriber } from './pubsub.ts';
import { adapterMessages, type DeliveryTrace, packetsOf, tracedPacketOf } from './wire.ts';

const gaps = new Counter({
  name: 'chat_fanout_gaps_total',
  help: 'Times that emits may not have reached this gateway; its sockets are told to sync',
});
const received = new Counter({
  name: 'chat_fanout_received_total',
  help: 'Emits that reached this gateway',
});
const useful = new Counter({
  name: 'chat_fanout_useful_total',
  help: 'Emits that reached this gateway while it held a socket of their room',
});
const failed = new Counter({
  name: 'chat_adapter_publish_errors_total',
  help: 'Emits of this gateway that the others missed',
});

type AdapterFactory = Extract<NonNullable<ServerOptions['adapter']>, (nsp: Namespace) => unknown>;

/**
 * The Socket.IO adapter of a gateway, on the pub/sub of the cluster. Of kind `sharded` it has a channel per room, so a
 * message costs work only on gateways that hold one of its users; of kind `classic` every gateway takes every emit from
 * Redis, and drops what is for rooms that it does not hold.
 *
 * The adapter neither waits for its subscriptions nor looks after them, and one of kind `classic` ends the process when
 * it can not publish. So it gets, for clients, our own publisher and subscriber under the names it calls.
 *
 * It subscribes without waiting after `join()`, so emits right after a join can be missed (5 of 200 in a measurement).
 * `subscribed(room)` resolves when Redis has confirmed the room's channel: whatever was committed before is in Postgres,
 * whatever is emitted after arrives.
 *
 * `onGap` calls its listener when the subscriptions are back after the connection was lost, since what was emitted
 * meanwhile was lost, and when a worker says that it does not know where its emits went.
 */
export function createGatewayAdapter({ publisher, subscriber }: Omit<PubSub, 'close'>) {
  const sharded = subscriber.kind === 'sharded';
  const factory = sharded ? shardedAdapter(publisher, subscriber) : classicAdapter(publisher, subscriber);
  return {
    adapter: countingAdapter(factory) as AdapterFactory,
    subscribed: (room: string): Promise<void> => subscriber.settled(sharded ? roomChannel(room) : `${EVERY_GATEWAY}*`),
    onGap(listener: () => void): void {
      const onGap = () => {
        gaps.inc();
        listener();
      };
      subscriber.onGap(onGap);
      void subscriber.subscribe(GAP_CHANNEL, onGap);
    },
  };
}

/** What the adapters use of a client of node-redis. */
function shardedAdapter(publisher: Publisher, subscriber: Subscriber) {
  const client = {
    sPublish: quietly(publisher),
    sSubscribe: (channel: string, listener: RawListener) => subscriber.subscribeRaw(channel, listener),
    sUnsubscribe: (channel: string) => subscriber.unsubscribe(channel),
  };
  return redisAdapter.createShardedAdapter(client, client, { subscriptionMode: 'dynamic' });
}

function classicAdapter(publisher: Publisher, subscriber: Subscriber) {
  const client = {
    publish: quietly(publisher),
    pSubscribe: (pattern: string, listener: RawListener) => subscriber.subscribeRaw(pattern, listener, 'pattern'),
    pUnsubscribe: (pattern: string) => subscriber.unsubscribe(pattern),
    subscribe: (channels: string[], listener: RawListener) =>
      Promise.all(channels.map((channel) => subscriber.subscribeRaw(channel, listener))),
    unsubscribe: (channel: string) => subscriber.unsubscribe(channel),
    // It would listen for errors only to warn when nobody else does.
    on() {},
    off() {},
  };
  return redisAdapter.createAdapter(client, client);
}

/** Nobody awaits what an adapter publishes. */
function quietly(publisher: Publisher) {
  return (channel: string, message: string | Buffer): Promise<number> =>
    publisher.publish(channel, message).catch(() => {
      failed.inc();
      return 0;
    });
}

/** The methods by which the adapters of the two kinds take what Redis sends. */
interface Receiving extends LocalRooms {
  onRawMessage?(message: Buffer, channel: Buffer): void;
  onmessage?(pattern: null, channel: Buffer, message: Buffer): void;
}

/** A function, since Socket.IO calls it with `new`. */
function countingAdapter(factory: (nsp: Namespace) => unknown) {
  return function adapterOf(nsp: Namespace) {
    const adapter = factory(nsp) as Receiving;
    const count = (channel: Buffer): string => {
      received.inc();
      const room = roomOf(channel.toString());
      if (room === '' || adapter.rooms.has(room)) useful.inc();
      return room;
    };
    const { onRawMessage, onmessage } = adapter;
    if (onRawMessage) {
      adapter.onRawMessage = function (message, channel) {
        const room = count(channel);
        const text = message.toString();
        const untraced = packetsOf(text, room);
        const traced = untraced ? undefined : tracedPacketOf(text, room);
        const packets = untraced ?? (traced && [traced.packet]);
        const span = traced && startDelivery(adapter, room, traced.trace);
        if (packets === undefined) onRawMessage.call(this, message, channel);
        else if (!broadcastEncoded(adapter, room, packets)) {
          for (const one of adapterMessages(room, packets)) onRawMessage.call(this, one, channel);
        }
        // Sockets are written to at the end of this turn (flush-by-turn.ts of the gateway), before this.
        if (span) setImmediate(() => span.end());
      };
    }
    if (onmessage) {
      adapter.onmessage = function (pattern, channel, message) {
        count(channel);
        onmessage.call(this, pattern, channel, message);
      };
    }
    return adapter;
  };
}

/** The span of a message on its last way, from Redis to the sockets of its room. */
function startDelivery({ rooms }: LocalRooms, room: string, trace: DeliveryTrace): Span | undefined {
  const sockets = rooms.get(room)?.size ?? 0;
  const [parent, ...links] = trace.split(',');
  return sockets === 0
    ? undefined
    : startSpan('deliver', { kind: 'consumer', parent, links, attributes: { 'chat.sockets': sockets } });
}
