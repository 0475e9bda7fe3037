import {
  awaitSchema,
  openDatabase,
  TransactionPooling,
  usesTransactionPooling,
  watchDatabase,
} from '@chat-cluster/postgres';
import { laneTelemetry, type QueueServer, queueServer } from '@chat-cluster/queue';
import { connectPublisher, connectRedis, disconnectRedis, type RedisClient, type RedisRole } from '@chat-cluster/redis';
import { type Lifecycle, type Logger, type OpsServer, redisServers, redisSetting } from '@chat-cluster/runtime';
import type { WorkerConfig } from './config.ts';

/** Dependencies of every part of the process. */
export interface Context {
  config: WorkerConfig;
  logger: Logger;
  lifecycle: Lifecycle;
  /** Shows the readiness on the admin listener. */
  show: OpsServer['show'];
}

export type RedisConnections = Awaited<ReturnType<typeof connectRedisServers>>;
export type PostgresConnection = Awaited<ReturnType<typeof connectPostgres>>;

/**
 * Connects to all Redis servers, and waits for those that are away. Each server has one connection for all its uses, so
 * the deletion, recounts, emits and replies of a batch leave in one write. Only BullMQ has a second one, since its
 * commands wait while Redis is away.
 */
export async function connectRedisServers({ config, logger, lifecycle }: Context) {
  const urls = redisServers(config);
  const loggerOf = (url: string) => logger.child({ setting: redisSetting(config, url) });
  const connect = async (url: string, role: RedisRole) =>
    lifecycle.own(`redis ${role}`, await connectRedis(url, role, loggerOf(url)), disconnectRedis);
  const shared = new Map<string, Promise<RedisClient>>();
  const sharedClient = (url: string): Promise<RedisClient> => {
    const client = shared.get(url) ?? connect(url, 'publish');
    shared.set(url, client);
    return client;
  };
  const telemetry = await laneTelemetry();
  /** The servers that have lanes, in the order of REDIS_QUEUE_URLS. */
  const queues: QueueServer[] = await Promise.all(
    urls.queues.map(async (url) => queueServer(await sharedClient(url), await connect(url, 'consume'), telemetry)),
  );
  const cache = await sharedClient(urls.cache);
  const publisher = await connectPublisher(urls.pubsub, config.REDIS_ADAPTER, loggerOf(urls.pubsub), sharedClient);
  lifecycle.own('pub/sub', publisher, (pubsub) => pubsub.close());
  /** The server of `queues` whose connection `publisher` uses; undefined when pub/sub has a server of its own. */
  const publishingQueue = queues[urls.queues.indexOf(urls.pubsub)];
  return { queues, publisher, publishingQueue, cache };
}

/** Waits until Postgres responds, with a schema that is not too old. Then `watch` reports whether it responds. */
export async function connectPostgres({ config, logger, lifecycle, show }: Context) {
  const db = openDatabase({
    url: config.DATABASE_URL,
    poolSize: config.PG_POOL_SIZE,
    applicationName: config.WORKER_NAME,
    onError: (error) => logger.warn({ reason: error.message }, 'postgres: an idle connection was lost'),
  });
  lifecycle.own('postgres', db, (database) => database.destroy());
  const schema = await awaitSchema(db, { logger, lifecycle, show });
  if (await usesTransactionPooling(config.DATABASE_URL).catch(() => false)) throw new TransactionPooling();
  const watch = lifecycle.own('postgres watch', watchDatabase(db, logger), (watcher) => watcher.stop());
  return { db, schema, watch };
}
