import { randomUUID } from 'node:crypto';
import {
  awaitSchema,
  type Database,
  openDatabase,
  schemaBirth,
  TransactionPooling,
  usesTransactionPooling,
  watchDatabase,
} from '@chat-cluster/postgres';
// Not the package's index, which loads BullMQ: 240 files that a gateway does not need.
import { announceLanes, createInbox, ReplyReceiver } from '@chat-cluster/queue/producer';
import {
  awaitOwnRedis,
  connectPubSub,
  connectRedis,
  disconnectRedis,
  joinGatewayRegistry,
  type RedisRole,
} from '@chat-cluster/redis';
import {
  type Lifecycle,
  type Logger,
  logFirstFailure,
  type OpsServer,
  redisServers,
  redisSetting,
  retry,
} from '@chat-cluster/runtime';
import type { GatewayConfig } from './config.ts';

/** Dependencies of every part of the process. */
export interface Context {
  config: GatewayConfig;
  logger: Logger;
  lifecycle: Lifecycle;
  /** Shows the readiness on the admin listener; absent in a fork, whose supervisor has it. */
  show?: OpsServer['show'] | undefined;
}

/** Waits until Postgres responds, with a schema that is not too old. Then `watch` reports whether it responds. */
export async function connectPostgres({ config, logger, lifecycle, show }: Context) {
  const db = lifecycle.own(
    'postgres',
    openDatabase({
      url: config.DATABASE_URL,
      poolSize: config.PG_POOL_SIZE,
      applicationName: config.GATEWAY_NAME,
      onError: (error) => logger.warn({ reason: error.message }, 'postgres: an idle connection was lost'),
    }),
    (database) => database.destroy(),
  );
  const schema = await awaitSchema(db, { logger, lifecycle, show });
  if (await usesTransactionPooling(config.DATABASE_URL).catch(() => false)) throw new TransactionPooling();
  const watch = lifecycle.own('postgres watch', watchDatabase(db, logger), (watcher) => watcher.stop());
  return { db, schema, watch };
}

/**
 * Connects to the Redis of each role, waits while another cluster uses one, and adds this process to the registry of
 * gateways.
 */
export async function connectRedisServers({ config, logger, lifecycle, show }: Context, db: Database) {
  const servers = redisServers(config);
  const loggerOf = (url: string) => logger.child({ setting: redisSetting(config, url) });
  const connect = async (url: string, role: RedisRole) =>
    lifecycle.own(`redis ${role}`, await connectRedis(url, role, loggerOf(url)), disconnectRedis);
  const { publisher, subscriber } = lifecycle.own(
    'pub/sub',
    await connectPubSub(servers.pubsub, config.REDIS_ADAPTER, loggerOf(servers.pubsub)),
    (pubsub) => pubsub.close(),
  );
  const cache = await connect(servers.cache, 'cache');
  const queues = await Promise.all(servers.queues.map(async (url) => ({ client: await connect(url, 'produce') })));
  await awaitOwnRedis({
    clients: [cache, ...queues.map(({ client }) => client)],
    schemaBirth: () => schemaBirth(db),
    logger,
    lifecycle,
    show,
  });
  // Each start has a new id, so that replies for the previous process do not reach this one.
  const id = `${config.GATEWAY_NAME}:${randomUUID()}`;
  const registry = lifecycle.own('registry', await joinGatewayRegistry(cache, id, logger), (one) => one.stop());
  return { publisher, subscriber, cache, queues, registry };
}

type RedisConnections = Awaited<ReturnType<typeof connectRedisServers>>;

/** Opens the inbox: announces the lanes on their servers and receives the replies of workers. */
export async function openInbox({ config, logger, lifecycle }: Context, redis: RedisConnections) {
  const { queues, subscriber, registry } = redis;
  for (const [index, { client }] of queues.entries()) {
    const layout = { lanes: config.LANES, index, servers: queues.length };
    await retry(() => announceLanes(client, layout, logger), { onFailure: logFirstFailure(logger, 'lanes') });
  }
  const replies = new ReplyReceiver(subscriber, registry.id, logger);
  await replies.start();
  lifecycle.own('replies', replies, (receiver) => receiver.stop());
  return { inbox: createInbox({ lanes: config.LANES, servers: queues, replies }), replies };
}
