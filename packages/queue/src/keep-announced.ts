import type { RedisClient } from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';
import { announceLanes, QUEUE_PREFIX } from './lanes.ts';

const EVERY_MS = 2_000;

/** Announces the number of lanes again to a Redis that has come back without its data. */
export function keepAnnounced(client: RedisClient, lanes: number, logger: Logger): { stop(): void } {
  const look = () =>
    client
      .exists(`${QUEUE_PREFIX}:lanes`)
      .then((known) => (known ? undefined : announceLanes(client, lanes, logger)))
      .catch(() => {});
  const timer = setInterval(look, EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
