import { announceLanes, type LaneLayout, watchWipe } from '@chat-cluster/queue';
import type { createFanout } from '@chat-cluster/redis';
import { type Lifecycle, type Logger, logFirstFailure, retry } from '@chat-cluster/runtime';
import type { WorkerConfig } from '../config.ts';
import type { WorkerRedis } from '../connect-redis-servers.ts';

export interface AnnounceLayoutParts {
  redis: Pick<WorkerRedis, 'queues'>;
  fanout: Pick<ReturnType<typeof createFanout>, 'gap'>;
  logger: Logger;
  lifecycle: Lifecycle;
}

/**
 * Announces the layout of the lanes on each of their servers, now and after a server was wiped. A wipe is healed like a
 * gap for all users: the requested recounts are lost too, so each gateway reads the badges of its sockets again.
 */
export async function announceLayout(
  { LANES: lanes }: WorkerConfig,
  { redis: { queues }, fanout, logger, lifecycle }: AnnounceLayoutParts,
): Promise<void> {
  for (const [index, { client }] of queues.entries()) {
    const layout: LaneLayout = { lanes, index, servers: queues.length };
    const announce = () => announceLanes(client, layout, logger);
    await retry(announce, { onFailure: logFirstFailure(logger, 'lanes') });
    const wipes = watchWipe(client, async () => {
      await announce();
      fanout.gap();
    });
    lifecycle.own('wipe watch', wipes, (watch) => watch.stop());
  }
}
