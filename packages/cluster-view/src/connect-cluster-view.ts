import { openDatabase } from '@chat-cluster/postgres';
import { connectPublisher, connectRedis, disconnectRedis } from '@chat-cluster/redis';
import { redisServers } from '@chat-cluster/runtime';
import { type ClusterView, type ClusterViewParts, openClusterView } from './cluster-view.ts';

/** Connections to Postgres. A page sends few requests at once. */
const POOL_SIZE = 2;

/** The API of the cluster view for a process without connections of its own. Waits for Redis. */
export async function connectClusterView(
  parts: Omit<ClusterViewParts, 'redis' | 'db'>,
): Promise<ClusterView & { close(): Promise<void> }> {
  const { config, logger } = parts;
  const urls = redisServers(config);
  const open = new AsyncDisposableStack();
  try {
    const connect = async (url: string) => open.adopt(await connectRedis(url, 'cache', logger), disconnectRedis);
    const cache = await connect(urls.cache);
    const queues = await Promise.all(urls.queues.map(async (url) => ({ client: await connect(url) })));
    const publisher = await connectPublisher(urls.pubsub, config.REDIS_ADAPTER, logger);
    open.defer(() => publisher.close());
    const onError = (error: Error) => logger.warn({ reason: error.message }, 'postgres: an idle connection was lost');
    const db = openDatabase({
      url: config.DATABASE_URL,
      poolSize: POOL_SIZE,
      applicationName: 'chat-cluster-view',
      onError,
    });
    open.defer(() => db.destroy());
    const view = openClusterView({ ...parts, redis: { cache, queues, publisher }, db });
    return { ...view, close: () => open.disposeAsync() };
  } catch (error) {
    await open.disposeAsync();
    throw error;
  }
}
