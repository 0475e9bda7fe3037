import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ActionResult, HTTP_STATUS, parseOrReject, Rejection, type UserId, userId } from '@chat-cluster/contracts';
import { HttpRefusal, type Logger, readJsonBody } from '@chat-cluster/runtime';
import { z } from 'zod';
import { type DeadLetterDeps, dropDeadLetters, listDeadLetters, replayDeadLetters } from '../lookups/dead-letters.ts';
import { disconnectUser, revokeUser } from '../lookups/user-actions.ts';
import { type MessageDeps, viewMessage } from '../lookups/view-message.ts';
import { type UserDeps, viewUser } from '../lookups/view-user.ts';

/** Path at which the API is mounted. */
export const API_PATH = '/cluster/api/';

export interface RouteDeps extends UserDeps, MessageDeps, DeadLetterDeps {
  config: MessageDeps['config'] & DeadLetterDeps['config'];
  overview(): Promise<object>;
  /** False: every action is refused. */
  canAct: boolean;
  /** The sender of the request, for the log. */
  actor(request: IncomingMessage): string;
  logger: Logger;
}

const id = z.guid('must be a UUID').toLowerCase();
const emptyBody = z.strictObject({}, 'must be {}');
const letterIds = z.strictObject({ ids: z.array(id).min(1).max(100) });

/** The id is in the query: browsers and proxies would resolve the ids `.` and `..` in a path. */
interface Route {
  path: string;
  read?: (deps: RouteDeps, query: Query) => Promise<object>;
  act?: Act;
}

interface Query {
  /** Empty when it is missing. */
  id: string;
  cursor: string | undefined;
}

type Act = (deps: RouteDeps, id: string, body: unknown) => Promise<ActionResult>;

const ROUTES: readonly Route[] = [
  { path: 'overview', read: (deps) => deps.overview() },
  { path: 'users', read: (deps, { id, cursor }) => viewUser(deps, userOf(id), cursor) },
  { path: 'messages', read: (deps, { id }) => viewMessage(deps, id) },
  { path: 'dead-letters', read: (deps, { cursor }) => listDeadLetters(deps, cursor) },
  { path: 'users/disconnect', act: ofUser(disconnectUser) },
  { path: 'users/revoke', act: ofUser(revokeUser) },
  { path: 'dead-letters/replay', act: (deps, _, body) => replayDeadLetters(deps, idsOf(body)) },
  { path: 'dead-letters/drop', act: (deps, _, body) => dropDeadLetters(deps, idsOf(body)) },
];

/** All paths, for the error about an unknown path. */
const KNOWN = `See ${pathsOf('read')}, and POST ${pathsOf('act')}`;

function pathsOf(kind: 'read' | 'act'): string {
  return ROUTES.flatMap((route) => (route[kind] ? [API_PATH + route.path] : [])).join(', ');
}

/** Time between two log lines about requests without an answer, in ms: 200 open pages make 100 of them per second. */
const LOG_EVERY_MS = 10_000;

/** Responds to requests below API_PATH. Never rejects. */
export function createResponder(
  deps: RouteDeps,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  let loggedAt = Number.NEGATIVE_INFINITY;
  let unlogged = 0;
  const logFault = (error: unknown) => {
    unlogged++;
    if (performance.now() - loggedAt < LOG_EVERY_MS) return;
    deps.logger.warn(
      { reason: String(error), requests: unlogged },
      'cluster view: requests failed; check Redis and Postgres',
    );
    loggedAt = performance.now();
    unlogged = 0;
  };
  return (request, response) => respond(request, response, deps, logFault);
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  deps: RouteDeps,
  logFault: (error: unknown) => void,
): Promise<void> {
  const send = (status: number, body: object) =>
    response
      .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
      .end(JSON.stringify(body));
  try {
    send(200, await answerOf(request, deps));
  } catch (error) {
    const { status, code, message } = refusalOf(error);
    if (status === HTTP_STATUS.UNAVAILABLE) logFault(error);
    // The rest of a body that is too long is not read.
    if (status === 413) response.setHeader('connection', 'close');
    send(status, { error: { code, message } });
  }
}

async function answerOf(request: IncomingMessage, deps: RouteDeps): Promise<object> {
  const url = URL.parse(request.url ?? '', 'http://localhost');
  const path = url?.pathname.slice(API_PATH.length);
  const route = ROUTES.find((one) => one.path === path);
  if (!url || !route) throw new HttpRefusal(404, 'NOT_FOUND', KNOWN);
  const query = queryOf(url);
  if (request.method === 'GET' && route.read) return route.read(deps, query);
  if (request.method !== 'POST' || !route.act) {
    throw new HttpRefusal(405, 'METHOD_NOT_ALLOWED', `Use ${route.read ? 'GET' : 'POST'}`);
  }
  if (!deps.canAct) throw new HttpRefusal(403, 'ADMIN_TOKEN_MISSING', 'This needs ADMIN_TOKEN in the settings');
  return act(route.act, request, deps, { action: route.path, id: query.id });
}

/** Performs an action and logs it with its actor, also when it fails. */
async function act(
  perform: Act,
  request: IncomingMessage,
  deps: RouteDeps,
  { action, id }: { action: string; id: string },
): Promise<ActionResult> {
  const entry: Record<string, unknown> = { actor: deps.actor(request), action, subject: id };
  try {
    const body = await readJsonBody(request);
    if (action.startsWith('dead-letters/')) entry.subject = idsOf(body);
    const result = await perform(deps, id, body);
    deps.logger.info({ ...entry, done: result.done, failed: result.failed?.length ?? 0 }, 'cluster view: an action');
    return result;
  } catch (error) {
    deps.logger.warn({ ...entry, reason: String(error) }, 'cluster view: an action failed');
    throw error;
  }
}

/** `URLSearchParams` replaces what is not encoded correctly: it would be the id of another user. */
function queryOf({ search, searchParams }: URL): Query {
  try {
    decodeURIComponent(search);
  } catch {
    throw new HttpRefusal(400, 'VALIDATION_FAILED', 'The query is not encoded correctly');
  }
  return { id: searchParams.get('id') ?? '', cursor: searchParams.get('cursor') ?? undefined };
}

function userOf(id: string) {
  return parseOrReject(z.object({ id: userId }), { id }).id;
}

function idsOf(body: unknown): string[] {
  return [...new Set(parseOrReject(letterIds, body).ids)];
}

/** An action on the user of the query, without a body. */
function ofUser(act: (deps: RouteDeps, user: UserId) => Promise<ActionResult>): Act {
  return async (deps, id, body) => {
    parseOrReject(emptyBody, body);
    return act(deps, userOf(id));
  };
}

/** Any other error is an outage or a bug; the log has its reason. */
function refusalOf(error: unknown): { status: number; code: string; message: string } {
  if (error instanceof HttpRefusal) return error;
  if (error instanceof Rejection) {
    const { code, message } = error.payload;
    return { status: HTTP_STATUS[code], code, message };
  }
  return { status: HTTP_STATUS.UNAVAILABLE, code: 'UNAVAILABLE', message: 'Redis or Postgres does not respond.' };
}
