import type { Logger } from '@chat-cluster/runtime';
import type { RedisClient } from '../connection/connection.ts';
import type { Pulse } from '../connection/pulse.ts';
import { connectShards, type Shards } from './shards.ts';
import { Subscriptions } from './subscriptions.ts';

/**
 * Pub/sub of the whole cluster: messages for those who listen now, kept by nobody. Of two kinds, which all processes
 * must share: with `sharded` (Redis 7 and newer) the gateways subscribe to the rooms that they hold, and on a Redis
 * Cluster a message stays on one server; with `classic`, for older servers, every gateway hears every emit.
 */
export type PubSubKind = 'sharded' | 'classic';

export interface Publisher {
  readonly kind: PubSubKind;
  /**
   * Resolves with the number of connections that heard it. Rejects at once while the server of the channel is away, and
   * has no time limit while it hangs. What is published in one turn of the event loop leaves in one write.
   */
  publish(channel: string, message: string | Buffer): Promise<number>;
  /** False while no server takes messages. */
  readonly answers: boolean;
  /** Calls `listener` after channels went to another server: what was published just before may be with the old one. */
  onMoved(listener: () => void): void;
}

export type Listener = (message: string) => void;
export type RawListener = (message: Buffer, channel: Buffer) => void;

/** A channel has one listener; to subscribe again replaces nothing and is a mistake. */
export interface Subscriber {
  readonly kind: PubSubKind;
  /** Resolves when messages arrive. Is tried again until it succeeds, `unsubscribe` is called, or all is closed. */
  subscribe(channel: string, listener: Listener): Promise<void>;
  /** The same with the bytes as they came; of kind `classic` also for all channels that match a pattern. */
  subscribeRaw(channel: string, listener: RawListener, as?: 'pattern'): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  /** Resolves when what was asked for the channel last is done. */
  settled(channel: string): Promise<void>;
  /** Calls `listener` when subscriptions are back after messages may have been lost. */
  onGap(listener: () => void): void;
  /** Whether the server of a channel answers. */
  pulseOf(channel: string): Pick<Pulse, 'answers' | 'onChange'>;
}

export interface PubSub {
  publisher: Publisher;
  subscriber: Subscriber;
  close(): Promise<void>;
}

/** At the server of the URL, or at a Redis Cluster: `redis+cluster://[user:password@]host:port,host:port,…`. Waits for it. */
export async function connectPubSub(url: string, kind: PubSubKind, logger: Logger): Promise<PubSub> {
  const shards = await connectShards(url, ['publish', 'subscribe'], logger);
  return {
    publisher: publisherOf(shards, kind),
    subscriber: new Subscriptions(shards, kind, logger),
    close: () => shards.close(),
  };
}

/**
 * For a process that hears nothing. `connect` gives the connection to a server that is no Redis Cluster: its owner's, who
 * may use it for other things too, and closes it.
 */
export async function connectPublisher(
  url: string,
  kind: PubSubKind,
  logger: Logger,
  connect?: (url: string) => Promise<RedisClient>,
): Promise<Publisher & { close(): Promise<void> }> {
  const shards = await connectShards(url, ['publish'], logger, connect);
  return Object.assign(publisherOf(shards, kind), { close: () => shards.close() });
}

function publisherOf(shards: Shards, kind: PubSubKind): Publisher {
  const send = (channel: string, message: string | Buffer): Promise<number> => {
    const client = shards.of(channel)?.publish;
    if (!client) return Promise.reject(new Error('pub/sub: no server is known to have the channel'));
    return kind === 'sharded' ? client.sPublish(channel, message) : client.publish(channel, message);
  };
  return {
    kind,
    publish: (channel, message) =>
      send(channel, message).catch(async (error: unknown) => {
        if (!isRedirection(error)) throw error;
        await shards.refresh();
        return send(channel, message);
      }),
    get answers() {
      return shards.all().some(({ publish }) => publish.isReady && publish.pulse.answers);
    },
    onMoved: (listener) => shards.on('moved', listener),
  };
}

/** A server of a Redis Cluster says that another one has the channel, or that it does not know who. */
export function isRedirection(error: unknown): boolean {
  return error instanceof Error && /^(MOVED|CLUSTERDOWN)/.test(error.message);
}
