import type { Logger } from '@chat-cluster/runtime';
import express, { type Express } from 'express';
import type { GatewayConfig } from '../config.ts';
import { docsAtRoot, docsRoutes } from './docs.ts';
import { answerErrors, answerLate, notFound } from './errors.ts';
import { createRateLimit, crossOrigin, observeRequests, secureHeaders, traceRequests } from './middleware.ts';
import { pageRoutes } from './page.ts';
import { mount } from './router.ts';
import { apiRoutes, probeRoutes, type RouteDeps } from './routes.ts';

export interface HttpDeps extends Omit<RouteDeps, 'limitRate'> {
  config: GatewayConfig;
  isReady(): boolean;
  /** Names of the gateways behind this port. */
  gateways(): readonly string[];
  logger: Logger;
  /** Age at which a request without an answer is answered TIMEOUT, in ms. */
  deadlineMs?: number;
}

/** Longer than every deadline of the ports that a request uses, shorter than the time-outs of proxies (15 to 60 s). */
const DEADLINE_MS = 10_000;

/** The HTTP side of a gateway: REST, documentation, probes. Every error has the shape that the contracts define. */
export function createHttpApp(deps: HttpDeps): Express {
  const { GATEWAY_NAME, ALLOWED_ORIGINS, HTTP_RATE_LIMIT_PER_SECOND, HTTP_RATE_LIMIT_BURST } = deps.config;
  const limitRate = createRateLimit(HTTP_RATE_LIMIT_PER_SECOND, HTTP_RATE_LIMIT_BURST);
  const app = express();
  app.disable('x-powered-by');
  // Answers are private and never cached, so hashing them for an ETag is useless work.
  app.disable('etag');
  app.set('query parser', 'simple');
  app.set('trust proxy', false);
  app.use((_req, res, next) => {
    res.set({ 'X-Gateway-Id': GATEWAY_NAME, 'Cache-Control': 'no-store' });
    next();
  });
  app.use(observeRequests, secureHeaders, answerLate(deps.deadlineMs ?? DEADLINE_MS));
  app.use('/api', crossOrigin(ALLOWED_ORIGINS), traceRequests);
  const page = pageRoutes(deps);
  mount(app, [
    ...apiRoutes({ ...deps, limitRate }),
    ...probeRoutes(GATEWAY_NAME, deps.isReady),
    ...(page.length > 0 ? page : [docsAtRoot]),
    ...docsRoutes(),
  ]);
  app.use(notFound, answerErrors(deps.logger));
  return app;
}
