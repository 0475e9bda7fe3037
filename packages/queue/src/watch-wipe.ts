import { CLUSTER_NAME, type RedisClient } from '@chat-cluster/redis';
import { every } from '@chat-cluster/runtime';

const EVERY_MS = 2_000;

/**
 * Calls `onWiped` in one of the workers when Redis has lost its data, and once on a new Redis. Batches and requested
 * recounts are then gone. The watch sets a key that no other code writes: if it is missing, the data was lost, and the
 * worker that sets it first is the one that reports it.
 */
export function watchWipe(client: RedisClient, onWiped: () => Promise<void>): { stop(): void } {
  const key = `${CLUSTER_NAME}:kept`;
  const checks = every(EVERY_MS, async () => {
    if (!client.isReady || (await client.set(key, '1', { GET: true })) !== null) return;
    // If `onWiped` fails, the next check must find the wipe again.
    await onWiped().catch(() => client.del(key));
  });
  checks.now();
  // Does not wait: a check under way may wait for a Redis that hangs.
  return { stop: () => void checks.stop() };
}
