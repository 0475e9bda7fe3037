import { laneTelemetry, type QueueServer, queueServer } from '@chat-cluster/queue';
import {
  connectPublisher,
  connectRedis,
  disconnectRedis,
  type Publisher,
  type RedisClient,
  type RedisRole,
} from '@chat-cluster/redis';
import { type Lifecycle, type Logger, redisServers } from '@chat-cluster/runtime';
import type { WorkerConfig } from './config.ts';

export interface WorkerRedis {
  /** The servers that have lanes, in the order of REDIS_QUEUE_URLS. */
  queues: QueueServer[];
  publisher: Publisher;
  /** The server of `queues` whose connection `publisher` uses; undefined when pub/sub has a server of its own. */
  publishingQueue: QueueServer | undefined;
  cache: RedisClient;
}

/**
 * Connects to all Redis servers, and waits for those that are away. Each server has one connection for all its uses,
 * so all that a batch leaves behind (deletion, recounts, emits, replies) is one write. Only BullMQ has a second one,
 * since its commands wait while Redis is away.
 */
export async function connectRedisServers(
  config: WorkerConfig,
  { logger, lifecycle }: { logger: Logger; lifecycle: Lifecycle },
): Promise<WorkerRedis> {
  const urls = redisServers(config);
  const connect = async (url: string, role: RedisRole) =>
    lifecycle.own(`redis ${role}`, await connectRedis(url, role, logger), disconnectRedis);
  const shared = new Map<string, Promise<RedisClient>>();
  const sharedClient = (url: string): Promise<RedisClient> => {
    const client = shared.get(url) ?? connect(url, 'publish');
    shared.set(url, client);
    return client;
  };
  const telemetry = await laneTelemetry();
  const queues = await Promise.all(
    urls.queues.map(async (url) => queueServer(await sharedClient(url), await connect(url, 'consume'), telemetry)),
  );
  const cache = await sharedClient(urls.cache);
  const publisher = await connectPublisher(urls.pubsub, config.REDIS_ADAPTER, logger, sharedClient);
  lifecycle.own('pub/sub', publisher, (pubsub) => pubsub.close());
  return { queues, publisher, publishingQueue: queues[urls.queues.indexOf(urls.pubsub)], cache };
}
