import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  createDeadLetters,
  createOperatorQueries,
  createTokenRevocations,
  type Database,
} from '@chat-cluster/postgres';
import type { LaneServer } from '@chat-cluster/queue';
import type { OwnPublisher, RedisClient } from '@chat-cluster/redis';
import { actorOf, type Logger, type RedisConfig, redisServers } from '@chat-cluster/runtime';
import { createResponder } from './http/routes.ts';
import type { LaneNumbers } from './overview/lanes.ts';
import { overviewReader } from './overview/overview.ts';
import type { RoleServer } from './overview/servers.ts';

export interface ClusterViewParts {
  redis: { cache: RedisClient; queues: readonly LaneServer[]; publisher: OwnPublisher };
  db: Database;
  config: RedisConfig & LaneNumbers & { DATABASE_URL: string };
  logger: Logger;
  /** False: every action is refused with ADMIN_TOKEN_MISSING. */
  canAct: boolean;
  /** Path of Bull Board on the same listener. */
  queueBoard?: string | undefined;
  /** The sender of a request, for the log of actions. Default: the address, and the user name of Basic. */
  actor?: (request: IncomingMessage) => string;
}

export interface ClusterView {
  /**
   * Responds to a request below `/cluster/api/`. The caller must refuse a sender who may not read, and pages of another
   * origin. Never rejects.
   */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** The API of the cluster view, on connections of the caller. It has no timers: it works only during requests. */
export function openClusterView(parts: ClusterViewParts): ClusterView {
  const { redis, db, config, logger, canAct, queueBoard, actor = actorOf } = parts;
  const queries = createOperatorQueries(db);
  const overview = overviewReader({
    ...redis,
    redisServers: () => roleServers(parts),
    queries,
    postgresServer: hostOf(config.DATABASE_URL),
    ...{ config, canAct, queueBoard },
  });
  const deps = {
    ...redis,
    ...{ queries, config, canAct, actor, logger, overview },
    revocations: createTokenRevocations(db),
    letters: createDeadLetters(db),
  };
  return { handle: createResponder(deps) };
}

function roleServers({ redis, config }: Pick<ClusterViewParts, 'redis' | 'config'>): RoleServer[] {
  const urls = redisServers(config);
  const shards = redis.publisher.clients();
  return [
    // A Redis Cluster has several servers; each client has the address of its own.
    ...shards.map((client): RoleServer => {
      const server = shards.length === 1 ? hostOf(urls.pubsub) : addressOf(client);
      return { role: 'pubsub', server, client };
    }),
    ...redis.queues.map(
      ({ client }, i): RoleServer => ({ role: 'queue', server: hostOf(urls.queues[i] ?? ''), client }),
    ),
    { role: 'cache', server: hostOf(urls.cache), client: redis.cache },
  ];
}

/** Hosts and ports of a URL, which may name several, without credentials. */
function hostOf(url: string): string {
  return /^[\w+]+:\/\/(?:[^/]*@)?([^/?]*)/.exec(url)?.[1] ?? '';
}

function addressOf({ options }: RedisClient): string {
  const { host = '', port = '' } = (options?.socket ?? {}) as { host?: string; port?: number };
  return `${host}:${port}`;
}
