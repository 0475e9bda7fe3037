import type { GatewayRegistry } from '@chat-cluster/redis';
import type { Logger } from '@chat-cluster/runtime';
import { Counter } from 'prom-client';
import type { ChatServer } from '../chat-socket.ts';
import { tagOf, tagOfSession } from './session-id.ts';

const misrouted = new Counter({
  name: 'chat_misrouted_polls_total',
  help: 'Long-polling requests for a session of another live gateway: the load balancer has no affinity',
});

/**
 * Age at which the requests of a bucket are classified, in ms. Clients of a dead gateway send requests with their old
 * session to other gateways, which is correct. Its lease ends within 18 s (gateway-registry.ts), so a request whose
 * gateway is still registered after this time was misrouted.
 */
const CLASSIFY_AFTER_MS = 20_000;
/** Requests of this many ms are classified together, so that the number of timers is independent of the load. */
const BUCKET_MS = 1_000;
/** Tags per bucket, which bounds the memory that invented session ids can fill. */
const MAX_TAGS = 1_000;
/** Shortest time between two warnings, in ms. */
const WARNING_INTERVAL_MS = 60_000;
const WARNING =
  'polling requests reach gateways that do not hold their session: turn on cookie affinity at the load balancer ' +
  "(infra/haproxy and infra/nginx have it), or let clients use transports: ['websocket']";

/**
 * Detects a load balancer without affinity. Long-polling needs all requests of a session at the gateway that holds it;
 * without affinity, clients just fail to connect. Every session id begins with a tag of its gateway, so a gateway can
 * see which gateway created an unknown session. It counts and logs the requests for sessions of other live gateways.
 */
export function watchAffinity(
  io: ChatServer,
  { registry, logger }: { registry: GatewayRegistry; logger: Logger },
): void {
  /** Number of requests by the tag of their session. */
  let bucket: Map<string, number> | undefined;
  let unreported = 0;
  let warnedAt = Number.NEGATIVE_INFINITY;

  io.engine.on('connection_error', ({ code, context }: { code: number; context?: { sid?: unknown } }) => {
    if (code !== UNKNOWN_SID) return;
    const tag = tagOfSession(String(context?.sid));
    bucket ??= openBucket();
    if (bucket.size < MAX_TAGS) bucket.set(tag, (bucket.get(tag) ?? 0) + 1);
  });

  function openBucket(): Map<string, number> {
    const opened = new Map<string, number>();
    setTimeout(() => {
      bucket = undefined;
    }, BUCKET_MS).unref();
    setTimeout(classify, BUCKET_MS + CLASSIFY_AFTER_MS, opened).unref();
    return opened;
  }

  function classify(requests: Map<string, number>): void {
    for (const id of registry.live()) {
      const count = id === registry.id ? 0 : (requests.get(tagOf(id)) ?? 0);
      misrouted.inc(count);
      unreported += count;
    }
    const now = performance.now();
    if (unreported === 0 || now - warnedAt < WARNING_INTERVAL_MS) return;
    logger.warn({ requests: unreported }, WARNING);
    warnedAt = now;
    unreported = 0;
  }
}

/** engine.io's code of "Session ID unknown". */
const UNKNOWN_SID = 1;
