import {
  connectPubSub,
  connectRedis,
  disconnectRedis,
  type PubSub,
  type PubSubKind,
  type RedisClient,
  type RedisRole,
} from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';
import { privateServers } from '@chat-cluster/testkit';

/** A logger that keeps its lines. */
export function memoryLogger() {
  const lines: { level: string; fields: Record<string, unknown>; text: string }[] = [];
  const at = (level: string) => (fields: Record<string, unknown>, text: string) => lines.push({ level, fields, text });
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } as unknown as Logger;
  return { logger, lines };
}

/** Clients of one suite, on the Redis of the test run or on that of `url`. `close` disconnects all of them. */
export function newClients() {
  const all: RedisClient[] = [];
  const pubsubs: PubSub[] = [];
  return {
    async pubsub(url?: string, kind: PubSubKind = 'sharded', logger: Logger = memoryLogger().logger): Promise<PubSub> {
      const pubsub = await connectPubSub(url ?? (await privateServers()).redis.url, kind, logger);
      pubsubs.push(pubsub);
      return pubsub;
    },
    async connect(role: RedisRole, url?: string, logger: Logger = memoryLogger().logger): Promise<RedisClient> {
      const client = await connectRedis(url ?? (await privateServers()).redis.url, role, logger);
      all.push(client);
      return client;
    },
    async close(): Promise<void> {
      await Promise.all([...all.map(disconnectRedis), ...pubsubs.map((pubsub) => pubsub.close())]);
    },
  };
}
