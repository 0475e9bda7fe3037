import type { RedisClient } from '@chat-cluster/redis';
import { adminAddress, type OpsPage, serveOps, watchReadiness } from '@chat-cluster/runtime';
import type { Context, PostgresConnection, RedisConnections } from '../connect-servers.ts';
import type { PlacedLane } from '../lanes/place-lanes.ts';
import { lanesPage } from './lanes-page.ts';

/** Listens for probes, Prometheus and operators; see serveOps. Resolves with the port. */
export async function startAdminListener(
  { config, lifecycle }: Context,
  parts: { redis: RedisConnections; postgres: PostgresConnection; lanes: readonly PlacedLane[] },
): Promise<number> {
  const { redis, postgres, lanes } = parts;
  const readiness = watchReadiness({
    redis: () => ({
      pubsub: redis.publisher.answers,
      queue: redis.queues.every(({ client }) => responds(client)),
      cache: responds(redis.cache),
    }),
    postgres: postgres.watch.check,
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
  const drain = () => lifecycle.end('POST /drain');
  const { server, port } = await serveOps({ ...adminAddress(config), readiness, drain, pages });
  lifecycle.own('ops listener', server, (listener) => listener.close());
  return port;
}

function responds({ isReady, pulse }: RedisClient): boolean {
  return isReady && pulse.answers;
}
