import type { ConversationId, UserId } from '@chat-cluster/contracts';
import { ERROR_TABLE, FakeRejection } from './errors.ts';
import type { FakeHistory } from './history.ts';
import type { Presences } from './presences.ts';
import type { FakeRequest, Refusals } from './refusals.ts';
import { personOf, type StoredConversation } from './stored.ts';
import type { FakeTokens } from './tokens.ts';
import { validUserId } from './validate.ts';
import { groupView, summaryView } from './views.ts';

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

/** Creates the `fetch` of a fake cluster: the routes that the client uses; other paths get NOT_FOUND. */
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
    case 'GET /api/blocks':
      admit(deps, route, userId, {});
      return [200, { userIds: deps.history.blockedBy(userId) }];
    default: {
      const found = conversationRoute(deps, route, userId, url);
      if (found) return [200, found];
      throw new FakeRejection('NOT_FOUND', { message: `The fake cluster has no ${route}; test it on a real one.` });
    }
  }
}

/** The routes below a conversation: the group, its members, and versions, reactions and readers of a message. */
function conversationRoute(deps: RestDeps, route: string, userId: UserId, url: URL): object | undefined {
  const [, kind, id, what] = /^GET \/api\/(groups|messages\/in)\/([^/]+)(?:\/(.+))?$/.exec(route) ?? [];
  if (!kind || !id) return undefined;
  const { history } = deps;
  admit(deps, `GET /api/${kind as 'groups' | 'messages/in'}`, userId, {
    id,
    what,
    ...Object.fromEntries(url.searchParams),
  });
  const conversation = history.of(userId, id as ConversationId);
  if (kind === 'groups') {
    if (conversation.kind !== 'group') throw new FakeRejection('CONVERSATION_NOT_FOUND');
    if (what === undefined) return groupView(userId, conversation);
    checkMember(userId, conversation);
    return what === 'members' ? members(conversation, url.searchParams) : undefined;
  }
  const [, seq, list] = /^(\d+)\/(versions|reactions|readers)$/.exec(what ?? '') ?? [];
  if (!seq) return undefined;
  const message = history.messageOf(userId, conversation, Number(seq));
  if (list === 'versions') {
    return { versions: message.versions.map(({ content, editedAt, editedBy }) => ({ content, editedAt, editedBy })) };
  }
  if (list === 'reactions') {
    const emoji = url.searchParams.get('emoji');
    return { userIds: message.reactors.find((one) => one.emoji === emoji)?.userIds ?? [] };
  }
  checkMember(userId, conversation);
  const others = conversation.people.filter((one) => one.role !== null && one.userId !== message.senderId);
  const readers = others.filter(({ upToSeq }) => upToSeq >= message.seq).map((one) => one.userId);
  return { userIds: readers.sort().slice(0, PAGE), count: readers.length, of: others.length };
}

/** Former members see neither the members nor the readers of a group. */
function checkMember(userId: UserId, conversation: StoredConversation): void {
  if (personOf(conversation, userId).role === null) throw new FakeRejection('CONVERSATION_NOT_FOUND');
}

/** A page of the members of a group, in the order of their ids. */
function members({ people }: StoredConversation, query: URLSearchParams): object {
  const limit = Number(query.get('limit') ?? PAGE);
  const after = query.get('cursor') ?? '';
  const left = people
    .filter(({ role, userId }) => role !== null && userId > after)
    .sort((a, b) => (a.userId < b.userId ? -1 : 1));
  const page = left
    .slice(0, limit)
    .map(({ userId, role, joinedAt, upToSeq, readAt }) => ({ userId, role, joinedAt, upToSeq, readAt }));
  return { members: page, nextCursor: left.length > page.length ? page.at(-1)?.userId : null };
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
    conversations: page.map((one) => summaryView(userId, one)),
    nextCursor: left.length > page.length ? String(page.at(-1)?.updated.order) : null,
  };
}
