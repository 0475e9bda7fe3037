import type { UserId } from '@chat-cluster/contracts';
import type { Readiness } from '@chat-cluster/contracts/openapi';
import type { Conversations, History, Inbox, RecentMessages } from '@chat-cluster/domain';
import cors from 'cors';
import express, { type Express, type Request, type RequestHandler } from 'express';
import helmet from 'helmet';
import { conversationRoutes } from './conversations.ts';
import { docsRoutes } from './docs.ts';
import { answerErrors, answerLate, notFound } from './errors.ts';
import { messageRoutes } from './messages.ts';
import { operationRoutes } from './operations.ts';
import { mount } from './route.ts';
import { traceRequests } from './trace-requests.ts';

/** What the HTTP side needs of its process. */
export interface HttpDeps {
  /** The user of a bearer token. Throws a rejection: TOKEN_MISSING, TOKEN_INVALID or TOKEN_EXPIRED. */
  authenticate(token: string | undefined): UserId;
  /** Counts a request of the user. Throws RATE_LIMITED. */
  limitRate(userId: UserId): void;
  conversations: Conversations;
  history: History;
  recent: RecentMessages;
  inbox: Inbox;
  /** Origins (scheme, host, port) whose pages may read answers; '*': any, []: only the own one. */
  allowedOrigins: '*' | string[];
  gatewayId: string;
  version: string;
  isReady(): Readiness;
  /** Called once per fault, with its cause; the client hears UNAVAILABLE. */
  onFault(error: unknown, req: Request): void;
  /** Called once per request. `route`: the pattern, 'unmatched' for none. `status` 499: the client left before the answer. */
  observe(route: string, method: string, status: number, seconds: number): void;
  /** A request without an answer after that long is answered TIMEOUT. */
  deadlineMs?: number;
}

/** Above every deadline of the ports behind it, below the 15 to 60 s after which common proxies give up. */
const DEADLINE_MS = 10_000;

/** The HTTP side of a gateway: REST, documentation, probes. Every error has the one shape of the contracts. */
export function createHttpApp(deps: HttpDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  // Answers are private and never cached; hashing a page of messages for an ETag would be work for nothing.
  app.disable('etag');
  app.set('query parser', 'simple');
  app.set('trust proxy', false);
  app.use(identify(deps), observe(deps), secureHeaders(), answerLate(deps.deadlineMs ?? DEADLINE_MS));
  app.use('/api', crossOrigin(deps.allowedOrigins), traceRequests);
  mount(app, [...conversationRoutes(deps), ...messageRoutes(deps), ...operationRoutes(deps), ...docsRoutes(deps)]);
  app.use(notFound, answerErrors(deps));
  return app;
}

function identify({ gatewayId }: HttpDeps): RequestHandler {
  return (_req, res, next) => {
    res.set({ 'X-Gateway-Id': gatewayId, 'Cache-Control': 'no-store' });
    next();
  };
}

function observe(deps: HttpDeps): RequestHandler {
  return (req, res, next) => {
    const start = performance.now();
    res.once('close', () => {
      const route: unknown = req.route?.path;
      const status = res.writableFinished ? res.statusCode : 499;
      deps.observe(
        typeof route === 'string' ? route : 'unmatched',
        req.method,
        status,
        (performance.now() - start) / 1000,
      );
    });
    next();
  };
}

/** Answers are data: nothing in them may run, load or be framed. The documentation page loosens this for itself. */
function secureHeaders(): RequestHandler {
  return helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    // The process speaks plain HTTP; whoever terminates TLS in front of it knows the domain and sets this.
    strictTransportSecurity: false,
    xFrameOptions: { action: 'deny' },
  });
}

function crossOrigin(allowedOrigins: HttpDeps['allowedOrigins']): RequestHandler {
  return cors({
    origin: allowedOrigins,
    methods: ['GET', 'HEAD', 'POST'],
    allowedHeaders: ['Authorization', 'Content-Type', 'Traceparent'],
    exposedHeaders: ['X-Gateway-Id', 'Retry-After'],
    maxAge: 600,
  });
}
