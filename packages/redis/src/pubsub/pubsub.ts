import type { Logger } from '@chat-cluster/runtime';
import type { RedisClient } from '../connection/connection.ts';
import { connectShards } from './connect-shards.ts';
import type { Publisher, PubSub, PubSubKind } from './pubsub-port.ts';
import { isRedirection, type Shards } from './shard.ts';
import { Subscriptions } from './subscriptions.ts';

/** Connects to the server of the URL, or to a Redis Cluster (`redis+cluster://host:port,…`), and waits for it. */
export async function connectPubSub(url: string, kind: PubSubKind, logger: Logger): Promise<PubSub> {
  const shards = await connectShards(url, ['publish', 'subscribe'], logger);
  return {
    publisher: publisherOf(shards, kind),
    subscriber: new Subscriptions(shards, kind, logger),
    close: () => shards.close(),
  };
}

/**
 * As `connectPubSub`, for a process that only publishes. `connect` provides the connection to a server that is not a
 * Redis Cluster. The owner of that connection may use it for other purposes too, and closes it.
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
