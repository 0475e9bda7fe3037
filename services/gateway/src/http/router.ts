import type { UserId } from '@chat-cluster/contracts';
import type { Express, Request, RequestHandler, Response } from 'express';
import { methodNotAllowed } from './errors.ts';

/** One method of one path, as data: the app mounts the list, and a test compares it with the OpenAPI document. */
export interface Route {
  method: 'get' | 'post';
  /** Express pattern. */
  path: string;
  handlers: RequestHandler[];
}

/** Mounts the routes; any other method on one of their paths is METHOD_NOT_ALLOWED. */
export function mount(app: Express, routes: readonly Route[]): void {
  for (const [path, group] of Map.groupBy(routes, (route) => route.path)) {
    const mounted = app.route(path);
    for (const { method, handlers } of group) mounted[method](...handlers);
    mounted.all(methodNotAllowed(group.map(({ method }) => method)));
  }
}

export interface UserRouteDeps {
  /** The user of a bearer token. Throws a rejection: TOKEN_MISSING, TOKEN_INVALID or TOKEN_EXPIRED. */
  authenticate(token: string | undefined): UserId;
  /** Counts a request of the user. Throws RATE_LIMITED. */
  limitRate(userId: UserId): void;
}

/** The result of a handler. Handlers never use the response, so an answer after the deadline does no harm. */
export interface Answer {
  status: number;
  body: object;
}

/**
 * A route for users: first the token and the rate limit, so that the body of a stranger is never read, then `before` (a
 * body parser), then `handle`. Whatever `handle` throws is answered by `answerErrors`.
 */
export function userRoute(
  deps: UserRouteDeps,
  route: Omit<Route, 'handlers'> & { before?: RequestHandler[] },
  handle: (userId: UserId, req: Request) => Promise<Answer>,
): Route {
  const { before = [], ...rest } = route;
  return {
    ...rest,
    handlers: [
      authenticated(deps),
      ...before,
      async (req, res) => {
        const { status, body } = await handle(userOf(res), req);
        if (!res.headersSent) res.status(status).json(body);
      },
    ],
  };
}

/** A GET route without a token. */
export function publicRoute(path: string, handle: (req: Request, res: Response) => void | Promise<void>): Route {
  return { method: 'get', path, handlers: [handle] };
}

const users = new WeakMap<Response, UserId>();

function authenticated({ authenticate, limitRate }: UserRouteDeps): RequestHandler {
  return (req, res, next) => {
    const userId = authenticate(bearerToken(req));
    limitRate(userId);
    users.set(res, userId);
    next();
  };
}

function userOf(res: Response): UserId {
  const userId = users.get(res);
  if (userId === undefined) throw new Error('a user route ran without a user');
  return userId;
}

/** The scheme is case-insensitive (RFC 9110); a header with another scheme has no token. */
function bearerToken(req: Request): string | undefined {
  return /^bearer +(\S+) *$/i.exec(req.get('authorization') ?? '')?.[1];
}
