import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type ConversationId,
  ERRORS,
  type ErrorCode,
  type ErrorPayload,
  HTTP_STATUS,
  problem,
  Rejection,
  type StoreEpoch,
  type UserId,
} from '@chat-cluster/contracts';
import type { Logger } from '@chat-cluster/runtime';
import { expect } from 'chai';
import type { Express } from 'express';
import { loadConfig } from '../src/config.ts';
import { createHttpApp, type HttpDeps } from '../src/http/app.ts';
import { UserGroups } from '../src/user-groups.ts';

export interface Edge extends AsyncDisposable {
  app: Express;
  url: string;
  faults: unknown[];
  /** `fetch` as alice, unless `headers` has another token. */
  get(path: string, init?: RequestInit): Promise<Response>;
}

const ENV = {
  NODE_ENV: 'production',
  GATEWAY_NAME: 'gateway-7',
  DATABASE_URL: 'postgres://none',
  REDIS_URL: 'redis://none',
  JWT_SECRET: 'a secret of the tests of HTTP, long enough',
} as const;

/**
 * The real app on a free port, in front of ports with only alice and bob, for tests of the HTTP edge. The behaviour of
 * the ports is tested on a real cluster.
 */
export async function startEdge(changed: Partial<HttpDeps> = {}, settings: NodeJS.ProcessEnv = {}): Promise<Edge> {
  const faults: unknown[] = [];
  const app = createHttpApp({
    ...emptyPorts,
    authenticate,
    config: loadConfig({ ...ENV, ...settings }),
    isReady: () => true,
    gateways: () => ['gateway-7', 'gateway-8'],
    logger: { error: ({ err }: { err: unknown }) => faults.push(err) } as unknown as Logger,
    ...changed,
  });
  const server = await new Promise<Server>((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    app,
    url,
    faults,
    get: (path, init = {}) =>
      fetch(url + path, { redirect: 'manual', ...init, headers: { authorization: 'Bearer alice', ...init.headers } }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Checks the shape of an error response and returns the error. */
export async function refusal(answer: Response, code: ErrorCode, status = HTTP_STATUS[code]): Promise<ErrorPayload> {
  expect(answer.status).to.equal(status);
  expect(answer.headers.get('content-type')).to.equal('application/json; charset=utf-8');
  const body = await answer.json();
  const { error } = problem.strict().parse(body);
  expect(error).to.include({ code, retryable: ERRORS[code].retryable });
  return error;
}

/** The routes of the app, by method and pattern. */
export function mountedRoutes(app: Express): string[] {
  const routes = app.router.stack.flatMap(({ route }) =>
    route ? route.stack.flatMap(({ method }) => (method ? [`${method} ${route.path}`] : [])) : [],
  );
  return [...new Set(routes)];
}

export function json(body: unknown): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  };
}

export function throwing(error: unknown): () => never {
  return () => {
    throw error;
  };
}

const ALICE = 'alice' as UserId;
const CONVERSATION = '01926b3a-7c11-7d3e-9f52-0a4c1f6f2b10' as ConversationId;

function authenticate(token: string | undefined): { userId: UserId } {
  if (token === undefined) throw new Rejection('TOKEN_MISSING');
  if (token === 'old') throw new Rejection('TOKEN_EXPIRED');
  if (token !== 'alice') throw new Rejection('TOKEN_INVALID');
  return { userId: ALICE };
}

const inbox: HttpDeps['inbox'] = { submit: () => Promise.reject(new Error('the edge submits nothing')) };
const conversations: HttpDeps['conversations'] = {
  blockedAmong: async () => new Set(),
  participantsOf: async () => undefined,
  find: async () => undefined,
  open: async (_newId, a, b) => ({
    created: b === 'bob',
    conversation: {
      id: CONVERSATION,
      kind: 'direct',
      participantIds: [a, b],
      createdAt: '2026-01-01T12:00:00.000Z',
    },
  }),
};
const newGroups = { take: async () => {}, giveBack() {} };

export const emptyPorts: Omit<HttpDeps, 'authenticate' | 'config' | 'isReady' | 'gateways' | 'logger'> = {
  groups: new UserGroups({
    conversations,
    inbox,
    newGroups,
    announce() {},
    announceLeft() {},
    config: { OPEN_CONVERSATIONS: 'anyone' },
  }),
  settings: { setConversation: async () => Promise.reject(new Rejection('CONVERSATION_NOT_FOUND')) },
  blocks: { set: async () => {}, list: async () => [] },
  groupReads: {
    group: async () => undefined,
    members: async () => undefined,
    versions: async () => [],
    reactors: async () => [],
    readers: async () => ({ userIds: [], count: 0, of: 0 }),
    ownReactions: async () => new Map(),
    changes: async () => ({ messages: [], lastRev: 0 }),
  },
  epoch: () => '5b0f4a52-6f0e-4d43-9f0a-0d9f4b1d7c11' as StoreEpoch,
  newConversations: { take: async () => {}, giveBack() {} },
  conversations,
  history: {
    directConversation: async () => undefined,
    head: async () => undefined,
    range: async () => [],
    sent: async () => undefined,
    conversations: async () => ({ conversations: [], nextCursor: null }),
    feed: async () => ({ readAt: 0, entries: [] }),
  },
  recent: { append: async () => undefined, drop: async () => undefined, range: async () => undefined },
  inbox,
};
