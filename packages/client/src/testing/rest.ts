import type { UserId } from '@chat-cluster/contracts';
import { ERROR_TABLE, FakeRejection } from './errors.ts';
import type { FakeHistory } from './history.ts';
import type { Presences } from './presences.ts';
import type { FakeRequest, Refusals } from './refusals.ts';
import type { FakeTokens } from './tokens.ts';
import { validUserId } from './validate.ts';

export interface RestDeps {
  url: string;
  history: FakeHistory;
  tokens: FakeTokens;
  refusals: Refusals;
  presences: Pick<Presences, 'contactsMade'>;
  isOffline(): boolean;
  requests: { user: string; request: FakeRequest; payload: unknown }[];
}

/** Conversations on a page, by default and at most. */
const PAGE = 50;
const LARGEST_PAGE = 100;

/** Creates the `fetch` of a fake cluster. It opens and lists conversations; other paths get NOT_FOUND. */
export function createFetch(deps: RestDeps): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    request.signal.throwIfAborted();
    const url = new URL(request.url);
    if (deps.isOffline() || url.origin !== new URL(deps.url).origin) throw new TypeError('fetch failed');
    const body = request.method === 'POST' ? await request.json().catch(() => undefined) : undefined;
    try {
      const [status, answer] = respond(deps, `${request.method} ${url.pathname}`, request.headers, url, body);
      return Response.json(answer, { status });
    } catch (error) {
      if (!(error instanceof FakeRejection)) throw error;
      return Response.json({ error: error.payload }, { status: ERROR_TABLE[error.payload.code].status });
    }
  };
}

function respond(deps: RestDeps, route: string, headers: Headers, url: URL, body: unknown): [number, object] {
  const { userId } = deps.tokens.verify(headers.get('authorization')?.replace(/^Bearer /, ''));
  switch (route) {
    case 'POST /api/conversations':
      admit(deps, route, userId, body);
      return open(deps, userId, body);
    case 'GET /api/messages/conversations':
      admit(deps, route, userId, Object.fromEntries(url.searchParams));
      return [200, list(deps.history, userId, url.searchParams)];
    default:
      throw new FakeRejection('NOT_FOUND', { message: `The fake cluster has no ${route}; test it on a real one.` });
  }
}

function admit({ refusals, requests }: RestDeps, request: FakeRequest, user: UserId, payload: unknown): void {
  requests.push({ user, request, payload });
  refusals.check(request, user);
}

function open({ history, presences }: RestDeps, userId: UserId, body: unknown): [number, object] {
  const other = validUserId((body as { participantId?: unknown } | undefined)?.participantId, 'participantId');
  const { conversation, created } = history.open(userId, other);
  if (created) presences.contactsMade(conversation.participantIds);
  return [created ? 201 : 200, conversation];
}

/** A page of the conversations of a user, newest activity first. */
function list(history: FakeHistory, userId: UserId, query: URLSearchParams): object {
  const limit = Number(query.get('limit') ?? PAGE);
  const before = Number(query.get('cursor') ?? Number.POSITIVE_INFINITY);
  if (!Number.isInteger(limit) || limit < 1 || limit > LARGEST_PAGE || Number.isNaN(before)) {
    throw new FakeRejection('VALIDATION_FAILED', {
      message: `limit: 1 to ${LARGEST_PAGE}; cursor: the last nextCursor`,
    });
  }
  const left = history
    .all(userId)
    .filter(({ updated }) => updated.order < before)
    .sort((a, b) => b.updated.order - a.updated.order);
  const page = left.slice(0, limit);
  return {
    epoch: history.epoch,
    conversations: page.map((one) => history.summary(userId, one)),
    nextCursor: left.length > page.length ? String(page.at(-1)?.updated.order) : null,
  };
}
