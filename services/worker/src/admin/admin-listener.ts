import type { RedisClient } from '@chat-cluster/redis';
import {
  adminAddress,
  type OpsPage,
  type OpsServer,
  serveOps,
  startingReadiness,
  watchReadiness,
} from '@chat-cluster/runtime';
import type { Context, PostgresConnection, RedisConnections } from '../connect-servers.ts';
import type { PlacedLane } from '../lanes/place-lanes.ts';
import { clusterPage } from './cluster-page.ts';

/** Listens for probes, Prometheus and operators; see serveOps. The worker is not ready before `showWorker`. */
export async function openAdminListener({ config, lifecycle }: Omit<Context, 'show'>): Promise<OpsServer> {
  const readiness = () => startingReadiness(lifecycle, { redis: 'no response yet' });
  const ops = await serveOps({ ...adminAddress(config), readiness, drain: () => lifecycle.end('POST /drain') });
  return lifecycle.own('admin listener', ops, ({ server }) => server.close());
}

/** Shows the state of a worker that has started: its readiness and its pages. */
export async function showWorker(
  { config, logger, lifecycle, show }: Context,
  parts: { redis: RedisConnections; postgres: PostgresConnection; lanes: readonly PlacedLane[] },
): Promise<void> {
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
  const pages: Record<string, OpsPage> = {};
  if (config.QUEUE_BOARD) {
    const { openQueueBoard, QUEUE_BOARD_PATH } = await import('./queue-board.ts');
    const board = lifecycle.own('queue board', await openQueueBoard(lanes, redis.queues), (one) => one.close());
    pages[QUEUE_BOARD_PATH] = board.page;
  }
  const [queueBoard] = Object.keys(pages);
  const page = clusterPage({
    redis,
    db: postgres.db,
    config,
    logger,
    canAct: config.ADMIN_TOKEN !== undefined,
    queueBoard,
  });
  show({ readiness, pages, apps: { '/cluster': page, '/assets': page, '/local.json': page } });
}

function responds({ isReady, pulse }: RedisClient): boolean {
  return isReady && pulse.answers;
}
