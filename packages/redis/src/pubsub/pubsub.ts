import { EventEmitter } from 'node:events';
import type { Logger } from '@chat-cluster/runtime';
import { connectRedis, type RedisClient } from '../connection/connection.ts';
import { isClusterUrl } from '../connection/server-url.ts';
import { ClusterShards } from './cluster-shards.ts';
import type { Publisher, PubSub, PubSubKind } from './pubsub-port.ts';
import { closeShard, isRedirection, type Shard, type ShardEvents, type Shards } from './shard.ts';
import { Subscriptions } from './subscriptions.ts';

/** Connects to the server of the URL, or to a Redis Cluster (`redis+cluster://host:port,…`), and waits for it. */
export async function connectPubSub(url: string, kind: PubSubKind, logger: Logger): Promise<PubSub> {
  const shards = isClusterUrl(url)
    ? await ClusterShards.connect(url, { subscribes: true }, logger)
    : singleShard(await connectRedis(url, 'publish', logger), await connectRedis(url, 'subscribe', logger));
  const subscriber = new Subscriptions(shards, kind, logger);
  return { publisher: publisherOf(shards, kind), subscriber, close: () => shards.close() };
}

/** A publisher that owns its connections, or uses those of its owner. */
export type OwnPublisher = Publisher & {
  /** One connection to each server that has channels. */
  clients(): RedisClient[];
  close(): Promise<void>;
};

/**
 * As `connectPubSub`, for a process that only publishes. `connect` provides the connection to a server that is not a
 * Redis Cluster. The owner of that connection may use it for other purposes too, and closes it.
 */
export async function connectPublisher(
  url: string,
  kind: PubSubKind,
  logger: Logger,
  connect?: (url: string) => Promise<RedisClient>,
): Promise<OwnPublisher> {
  const isCluster = isClusterUrl(url);
  const shards = isCluster
    ? await ClusterShards.connect(url, { subscribes: false }, logger)
    : singleShard(await (connect ? connect(url) : connectRedis(url, 'publish', logger)));
  const close = async () => {
    if (isCluster || !connect) await shards.close();
  };
  const clients = () => shards.all().map(({ publish }) => publish);
  return Object.assign(publisherOf(shards, kind), { clients, close });
}

function singleShard(publish: RedisClient, subscribe?: RedisClient): Shards {
  const shard: Shard = { publish, subscribe };
  const events = new EventEmitter<ShardEvents>().setMaxListeners(0);
  // The client is connected again when Redis has confirmed every subscription.
  subscribe?.onBack(() => events.emit('back'));
  subscribe?.pulse.onChange(() => events.emit('pulse'));
  return {
    get isOpen() {
      return publish.isOpen;
    },
    events,
    onMoved: (listener) => publish.onMoved(listener),
    of: () => shard,
    all: () => [shard],
    refresh: async () => {},
    close: () => closeShard(shard),
  };
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
    onMoved: (listener) => shards.onMoved(listener),
  };
}
