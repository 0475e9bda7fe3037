import type { Server } from 'node:http';
import { Rejection, type UserId } from '@chat-cluster/contracts';
import { startSpan } from '@chat-cluster/runtime';
import cors from 'cors';
import type { RequestHandler } from 'express';
import helmet from 'helmet';
import { LRUCache } from 'lru-cache';
import { TokenBucket } from '../socket/events/token-bucket.ts';

export function nameGateway(gatewayId: string): RequestHandler {
  return (_req, res, next) => {
    res.set({ 'X-Gateway-Id': gatewayId, 'Cache-Control': 'no-store' });
    next();
  };
}

/** Called once per request. `route`: its pattern, or 'unmatched'. `status` 499: the client left before the answer. */
export type Observe = (route: string, method: string, status: number, seconds: number) => void;

export function observeRequests(observe: Observe): RequestHandler {
  return (req, res, next) => {
    const start = performance.now();
    res.once('close', () => {
      const route: unknown = req.route?.path;
      const status = res.writableFinished ? res.statusCode : 499;
      const seconds = (performance.now() - start) / 1_000;
      observe(typeof route === 'string' ? route : 'unmatched', req.method, status, seconds);
    });
    next();
  };
}

/** Answers are data: nothing in them may run, load or be framed. The documentation page has a policy of its own. */
export function secureHeaders(): RequestHandler {
  return helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    // This process serves plain HTTP. The proxy in front of it that terminates TLS knows the domain and sets this.
    strictTransportSecurity: false,
    xFrameOptions: { action: 'deny' },
  });
}

export function crossOrigin(allowedOrigins: '*' | string[]): RequestHandler {
  return cors({
    origin: allowedOrigins,
    methods: ['GET', 'HEAD', 'POST'],
    allowedHeaders: ['Authorization', 'Content-Type', 'Traceparent'],
    exposedHeaders: ['X-Gateway-Id', 'Retry-After'],
    maxAge: 600,
  });
}

/**
 * A span for each sampled request, in the trace that its `traceparent` names, and sampled as this header and
 * OTEL_TRACES_SAMPLER decide. The spans of the lane join the trace.
 */
export const traceRequests: RequestHandler = (req, res, next) => {
  const { method } = req;
  const parent = req.get('traceparent');
  const span = startSpan(method, { kind: 'server', parent, attributes: { 'http.request.method': method } });
  if (!span) return next();
  res.once('close', () => {
    const route: unknown = req.route?.path;
    const attributes = { 'http.response.status_code': res.statusCode };
    const failed = res.statusCode >= 500;
    span.end(
      typeof route === 'string'
        ? { name: `${method} ${route}`, attributes: { ...attributes, 'http.route': route }, failed }
        : { attributes, failed },
    );
  });
  span.run(next);
};

/** Users with a bucket in memory. About 300 bytes each: 6 MB at most. */
const LIMITED_USERS = 20_000;

/**
 * The rate limit of the REST API: a bucket per user and process, over all its connections. Returns the check, which
 * throws RATE_LIMITED. A user whose bucket was dropped for those of LIMITED_USERS others starts again with a full one.
 */
export function createRateLimit(perSecond: number, burst: number): (userId: UserId) => void {
  const buckets = new LRUCache<UserId, TokenBucket>({ max: LIMITED_USERS });
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

/** The REST requests of an HTTP server that have no answer yet. */
export interface RequestsUnderWay {
  count(): number;
  /**
   * From now on every answer, of REST and long-polling, closes its connection: the next request opens one elsewhere.
   */
  closeConnections(): void;
}

/** Call it after engine.io is attached to the server, since engine.io wraps all earlier listeners of requests. */
export function watchRequests(http: Server): RequestsUnderWay {
  let underWay = 0;
  let closing = false;
  http.prependListener('request', (request, response) => {
    if (closing) response.setHeader('Connection', 'close');
    // A poll without news takes 25 s, and ends when its socket is drained.
    if (request.url?.startsWith('/socket.io/')) return;
    underWay++;
    response.once('close', () => underWay--);
  });
  return {
    count: () => underWay,
    closeConnections() {
      closing = true;
    },
  };
}
