import { Rejection, type UserId } from '@chat-cluster/contracts';
import { CLUSTER_NAME, type RedisClient } from '@chat-cluster/redis';
import { withDeadline } from '@chat-cluster/runtime';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

/** Time limit for an answer of Redis, in ms. */
const DEADLINE_MS = 250;

/** A limit of users over all gateways. */
export interface SharedLimit {
  /** Counts one. Throws RATE_LIMITED. */
  take(userId: UserId): Promise<void>;
  /** Takes one back. */
  giveBack(userId: UserId): void;
}

/**
 * Limits what users do per minute, over all gateways: counted in Redis, and in this process while Redis is away. A user
 * beyond the limit is refused without a request to Redis.
 */
export function createSharedLimit(client: RedisClient, name: string, perMinute: number): SharedLimit {
  const options = { points: perMinute, duration: 60, keyPrefix: `${CLUSTER_NAME}:limit:${name}` };
  const here = new RateLimiterMemory(options);
  const shared = new RateLimiterRedis({
    ...options,
    storeClient: client,
    useRedisPackage: true,
    rejectIfRedisNotReady: true,
    inMemoryBlockOnConsumed: perMinute + 1,
  });
  return {
    async take(userId) {
      try {
        await withDeadline(shared.consume(userId), DEADLINE_MS, 'limit').catch((error: unknown) => {
          if (error instanceof RateLimiterRes) throw error;
          return here.consume(userId);
        });
      } catch (error) {
        if (!(error instanceof RateLimiterRes)) throw error;
        throw new Rejection('RATE_LIMITED', { retryAfterMs: Math.max(1, error.msBeforeNext) });
      }
    },
    giveBack(userId) {
      shared.reward(userId).catch(() => here.reward(userId));
    },
  };
}
