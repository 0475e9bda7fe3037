import type { RedisClient } from '@chat-cluster/redis';
import { QUEUE_PREFIX } from './lanes.ts';

const EVERY_MS = 2_000;

/**
 * Calls `onWiped` in one of the workers when Redis turns out to have lost its data (also once on a new Redis): jobs, and
 * with them recounts that were asked for, are gone. A key that only this watch writes tells: who sets it first, saw it.
 */
export function watchWipe(client: RedisClient, onWiped: () => Promise<void>): { stop(): void } {
  let looking = false;
  const look = async () => {
    if (looking || !client.isReady) return;
    looking = true;
    try {
      const key = `${QUEUE_PREFIX}:kept`;
      if ((await client.set(key, '1', { GET: true })) !== null) return;
      // A wipe that nobody was told of is to be found again by the next look.
      await onWiped().catch(() => client.del(key));
    } finally {
      looking = false;
    }
  };
  const run = () => void look().catch(() => {});
  const timer = setInterval(run, EVERY_MS);
  timer.unref();
  run();
  return { stop: () => clearInterval(timer) };
}
