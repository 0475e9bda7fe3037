import express, { type Express } from 'express';
import { type DocsDeps, docsRoutes } from './docs.ts';
import { answerErrors, answerLate, type ErrorDeps, notFound } from './errors.ts';
import { crossOrigin, nameGateway, type Observe, observeRequests, secureHeaders, traceRequests } from './middleware.ts';
import { mount } from './router.ts';
import { apiRoutes, type OperationDeps, operationRoutes, type RouteDeps } from './routes.ts';

/** What the HTTP side needs of its process. */
export interface HttpDeps extends RouteDeps, OperationDeps, DocsDeps, ErrorDeps {
  /** Origins (scheme, host, port) whose pages may read answers; '*': any, []: only the gateway's own origin. */
  allowedOrigins: '*' | string[];
  observe: Observe;
  /** Age at which a request without an answer is answered TIMEOUT, in ms. */
  deadlineMs?: number;
}

/** Above every deadline of the ports behind it, below the 15 to 60 s after which common proxies give up. */
const DEADLINE_MS = 10_000;

/** The HTTP side of a gateway: REST, documentation, probes. Every error has the shape that the contracts define. */
export function createHttpApp(deps: HttpDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  // Answers are private and never cached, so hashing them for an ETag is useless work.
  app.disable('etag');
  app.set('query parser', 'simple');
  app.set('trust proxy', false);
  app.use(nameGateway(deps.gatewayId), observeRequests(deps.observe), secureHeaders());
  app.use(answerLate(deps.deadlineMs ?? DEADLINE_MS));
  app.use('/api', crossOrigin(deps.allowedOrigins), traceRequests);
  mount(app, [...apiRoutes(deps), ...operationRoutes(deps), ...docsRoutes(deps)]);
  app.use(notFound, answerErrors(deps));
  return app;
}
