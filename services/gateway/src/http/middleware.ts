import type { IncomingMessage, Server } from 'node:http';
import { Rejection } from '@chat-cluster/contracts';
import { startSpan } from '@chat-cluster/runtime';
import cors from 'cors';
import type { Request, RequestHandler } from 'express';
import helmet from 'helmet';
import { LRUCache } from 'lru-cache';
import { Histogram } from 'prom-client';
import { rateOf, TokenBucket } from '../token-bucket.ts';

const durations = new Histogram({
  name: 'chat_http_request_duration_seconds',
  help: 'Duration of HTTP requests, by route',
  labelNames: ['route', 'method', 'status'],
  buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 10],
});

/** Measures each request once, by the pattern of its route. Status 499: the client left before the answer. */
export const observeRequests: RequestHandler = (req, res, next) => {
  const start = performance.now();
  res.once('close', () => {
    const status = res.writableFinished ? res.statusCode : 499;
    const labels = { route: routeOf(req) ?? 'unmatched', method: req.method, status };
    durations.observe(labels, (performance.now() - start) / 1_000);
  });
  next();
};

/** Answers are data: nothing in them may run, load or be framed. The documentation page has a policy of its own. */
export const secureHeaders: RequestHandler = helmet({
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
  // This process serves plain HTTP. The proxy that terminates TLS in front of it has to set this for its domain.
  strictTransportSecurity: false,
  xFrameOptions: { action: 'deny' },
});

export function crossOrigin(allowedOrigins: '*' | string[]): RequestHandler {
  return cors({
    origin: allowedOrigins,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: ['Authorization', 'Content-Type', 'Traceparent'],
    exposedHeaders: ['X-Gateway-Id', 'Retry-After'],
    maxAge: 600,
  });
}

/**
 * Starts a span for each sampled request. The span joins the trace in `traceparent`, if there is one; that header and
 * OTEL_TRACES_SAMPLER decide whether it is sampled. The spans of the lane join the same trace.
 */
export const traceRequests: RequestHandler = (req, res, next) => {
  const { method } = req;
  const parent = req.get('traceparent');
  const span = startSpan(method, { kind: 'server', parent, attributes: { 'http.request.method': method } });
  if (!span) return next();
  res.once('close', () => {
    const route = routeOf(req);
    span.end({
      ...(route === undefined ? {} : { name: `${method} ${route}` }),
      attributes: { 'http.response.status_code': res.statusCode, ...(route && { 'http.route': route }) },
      failed: res.statusCode >= 500,
    });
  });
  span.run(next);
};

/** The pattern of the route that the request matched. */
function routeOf(req: Request): string | undefined {
  const route: unknown = req.route?.path;
  return typeof route === 'string' ? route : undefined;
}

/** Users or addresses with a bucket in memory. About 300 bytes each: 6 MB at most. */
const LIMITED_CLIENTS = 20_000;

/**
 * The rate limit of the REST API, with a bucket per user and process over all its connections, and of the page, with a
 * bucket per address. Returns the check, which throws RATE_LIMITED. Beyond LIMITED_CLIENTS the least recent bucket is
 * dropped; the client's next one starts full.
 */
export function createRateLimit(perSecond: number, burst: number): (client: string) => void {
  const rate = rateOf(perSecond, burst);
  const buckets = new LRUCache<string, TokenBucket>({ max: LIMITED_CLIENTS });
  return (client) => {
    const bucket = buckets.get(client) ?? new TokenBucket(rate);
    buckets.set(client, bucket);
    const waitMs = bucket.take();
    if (waitMs > 0) throw new Rejection('RATE_LIMITED', { retryAfterMs: waitMs });
  };
}

/** Counts REST requests; closes connections for a drain. Call it after engine.io, which wraps all earlier listeners. */
export function watchRequests(http: Server) {
  let underWay = 0;
  let closing = false;
  http.prependListener('request', (request, response) => {
    if (closing) response.setHeader('Connection', 'close');
    response.once('finish', () => {
      if (!request.complete) setTimeout(closeUnread, REST_OF_BODY_MS, request).unref();
    });
    // A poll without news takes 25 s, and ends when its socket is drained.
    if (request.url?.startsWith('/socket.io/')) return;
    underWay++;
    response.once('close', () => underWay--);
  });
  return {
    /** Number of REST requests without an answer. */
    count: () => underWay,
    /** From now on every answer (REST, polling) closes its connection, so that the next request goes elsewhere. */
    closeConnections() {
      closing = true;
    },
  };
}

/**
 * Time from a response to the end of its request's body, in ms. Node reads and drops the rest of a body for up to 30 s,
 * as fast as the client sends it.
 */
const REST_OF_BODY_MS = 500;

function closeUnread(request: IncomingMessage): void {
  if (!request.complete) request.socket.destroy();
}

export type RequestsUnderWay = ReturnType<typeof watchRequests>;
