import { Rejection, type UserId } from '@chat-cluster/contracts';
import { LRUCache } from 'lru-cache';
import { TokenBucket } from '../socket/events/token-bucket.ts';

/** About 300 bytes each: 6 MB at the most. */
const KNOWN_USERS = 20_000;

/**
 * The rate limit of the REST API: a bucket per user and process, whatever connections the requests come over. Returns
 * the check, which throws RATE_LIMITED. A user who is forgotten (so many others asked since) begins with a full bucket.
 */
export function createRateLimit(perSecond: number, burst: number): (userId: UserId) => void {
  const buckets = new LRUCache<UserId, TokenBucket>({ max: KNOWN_USERS });
  return (userId) => {
    let bucket = buckets.get(userId);
    if (bucket === undefined) {
      bucket = new TokenBucket(perSecond, burst);
      buckets.set(userId, bucket);
    }
    const waitMs = bucket.take();
    if (waitMs > 0) throw new Rejection('RATE_LIMITED', { retryAfterMs: waitMs });
  };
}
