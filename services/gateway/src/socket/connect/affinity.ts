/*
 * Long-polling needs a load balancer that sends all requests of a session to the gateway that holds it. One that does not
 * looks like clients who never get connected, and nothing says why. So every session id begins with a tag of its gateway,
 * and a gateway that is asked for a session of another one knows that the balancer sent it astray.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { GatewayRegistry } from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';
import { Counter } from 'prom-client';
import type { ChatServer } from '../server.ts';

const misrouted = new Counter({
  name: 'chat_misrouted_polls_total',
  help: 'Requests of a long-polling session that another gateway, alive, holds: the load balancer has no affinity',
});

/**
 * Longer than the lease of a dead gateway lasts (LEASE_MS + BEAT_MS of gateway-registry.ts, 18 s). Its clients come to
 * others with their old session too, and rightly so: only what belongs to a gateway that is alive by then is misrouted.
 */
const JUDGED_AFTER_MS = 20_000;
/** Requests of so long are judged together, so that there are few timers however many come. */
const BUCKET_MS = 1_000;
/** Tags in a bucket: what clients make up does not fill the memory. */
const MAX_TAGS = 1_000;
const WARNED_EVERY_MS = 60_000;
const FIX =
  'polling requests reach gateways that do not hold their session: turn on cookie affinity at the load balancer ' +
  "(infra/haproxy and infra/nginx have it), or let clients use transports: ['websocket']";

/** Makes the session ids of a gateway process: 20 characters, which sticky looks for, of which 16 are random (96 bits). */
export function sessionIdsOf(processId: string): () => string {
  const tag = tagOf(processId);
  return () => tag + randomBytes(12).toString('base64url');
}

/** Gives sessions such ids, and counts and names in the log what a balancer sends to the wrong gateway. */
export function watchAffinity(
  io: ChatServer,
  { registry, newSessionId, logger }: { registry: GatewayRegistry; newSessionId: () => string; logger: Logger },
): void {
  (io.engine as unknown as { generateId(): string }).generateId = newSessionId;
  let bucket: Bucket | undefined;
  let unsaid = 0;
  let warnedAt = Number.NEGATIVE_INFINITY;

  io.engine.on('connection_error', ({ code, context }: RefusedRequest) => {
    if (code !== UNKNOWN_SID) return;
    const tag = String(context?.sid).slice(0, TAG_LENGTH);
    bucket ??= openBucket();
    if (bucket.size < MAX_TAGS) bucket.set(tag, (bucket.get(tag) ?? 0) + 1);
  });

  function openBucket(): Bucket {
    const opened: Bucket = new Map();
    setTimeout(() => {
      bucket = undefined;
    }, BUCKET_MS).unref();
    setTimeout(judge, BUCKET_MS + JUDGED_AFTER_MS, opened).unref();
    return opened;
  }

  function judge(requests: Bucket): void {
    for (const id of registry.live()) {
      const count = id === registry.id ? 0 : (requests.get(tagOf(id)) ?? 0);
      misrouted.inc(count);
      unsaid += count;
    }
    const now = performance.now();
    if (unsaid === 0 || now - warnedAt < WARNED_EVERY_MS) return;
    logger.warn({ requests: unsaid }, FIX);
    warnedAt = now;
    unsaid = 0;
  }
}

/** Requests by the tag of their session. */
type Bucket = Map<string, number>;

/** What engine.io tells of a request that it refuses. */
interface RefusedRequest {
  code: number;
  context?: { sid?: unknown };
}

/** engine.io's code for "Session ID unknown". */
const UNKNOWN_SID = 1;

const TAG_LENGTH = 4;

/** 24 bits: two of 100 gateways share one in 1 of 3,000 clusters, and then miss some of this. */
function tagOf(processId: string): string {
  return createHash('sha256').update(processId).digest('base64url').slice(0, TAG_LENGTH);
}
