import type { RedisClient } from '@chat-cluster/redis';
import { type Lifecycle, type OpsPage, serveOps, watchReadiness } from '@chat-cluster/runtime';
import type { WorkerConfig } from '../config.ts';
import type { WorkerRedis } from '../connect-redis-servers.ts';
import type { PlacedLane } from '../lanes/place-lanes.ts';
import type { WorkerPostgres } from '../open-postgres.ts';
import { lanesPage } from './lanes-page.ts';

export interface AdminListenerParts {
  redis: WorkerRedis;
  postgres: WorkerPostgres;
  lanes: readonly PlacedLane[];
  lifecycle: Lifecycle;
}

/** Listens for probes, Prometheus and operators; see serveOps. Resolves with the port. */
export async function startAdminListener(
  config: WorkerConfig,
  { redis: { queues, publisher, cache }, postgres, lanes, lifecycle }: AdminListenerParts,
): Promise<number> {
  const readiness = watchReadiness({
    redis: () => ({
      pubsub: publisher.answers,
      queue: queues.every(({ client }) => responds(client)),
      cache: responds(cache),
    }),
    postgres: postgres.check,
    schema: postgres.schema,
    lifecycle,
    // No load balancer is in front of a worker: being unready only stops a rollout.
    readyDuringOutage: false,
  });
  const pages: Record<string, OpsPage> = { '/lanes': lanesPage(lanes) };
  if (config.QUEUE_BOARD) {
    const { openQueueBoard } = await import('./queue-board.ts');
    const board = lifecycle.own('queue board', await openQueueBoard(lanes), (one) => one.close());
    pages['/queues'] = board.page;
  }
  const { server, port } = await serveOps({
    host: config.HOST,
    port: config.ADMIN_PORT,
    readiness,
    drain: () => lifecycle.end('POST /drain'),
    pages,
  });
  lifecycle.own('ops listener', server, (listener) => listener.close());
  return port;
}

function responds({ isReady, pulse }: RedisClient): boolean {
  return isReady && pulse.answers;
}
