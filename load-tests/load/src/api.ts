import * as http from 'node:http';
import * as https from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import type { Conversation, ConversationsPage, ErrorPayload, Group } from '@chat-cluster/contracts';
import { UserError } from '@chat-cluster/runtime';
import { type LeanTls, sendHttp } from '@chat-cluster/testkit/lean-client';

/** Requests of one process under way at a time. They are few because a load does not measure the REST API. */
const MAX_SOCKETS = 12;
const REQUEST_MS = 10_000;
/** Users in one request: the default of MAX_USERS_PER_ADD. */
const USERS_PER_ADD = 100;
/** Pause before a repeated request without `retryAfterMs`, in ms. */
const RETRY_MS = 300;

type Response = Awaited<ReturnType<typeof sendHttp>>;

/** The REST API of a cluster at `url`, over keep-alive connections. */
export class Api {
  #url: string;
  #agent: http.Agent;

  constructor(url: string, tls: LeanTls = {}) {
    this.#url = url.replace(/\/+$/, '');
    const keep = { keepAlive: true, maxSockets: MAX_SOCKETS };
    const trust = { ...(tls.ca === undefined ? {} : { ca: tls.ca }), rejectUnauthorized: tls.insecure !== true };
    this.#agent = url.startsWith('https:') ? new https.Agent({ ...keep, ...trust }) : new http.Agent(keep);
  }

  /** Opens or finds the conversation of the token's user with another one. Retries for `withinMs`; throws UserError. */
  async openConversation(token: string, participantId: string, withinMs: number): Promise<Conversation['id']> {
    const { id } = await this.#call<Conversation>(token, 'POST', '/api/conversations', { participantId }, withinMs);
    return id;
  }

  /**
   * Creates a group of the token's user and others, who see all of it. A `name` is used once by each user. Retries each
   * request for `withinMs`; throws UserError.
   */
  async createGroup(token: string, name: string, others: readonly string[], withinMs: number): Promise<Group['id']> {
    const group = { title: name, userIds: others.slice(0, USERS_PER_ADD), changeId: name };
    const { id } = await this.#call<Group>(token, 'POST', '/api/groups', group, withinMs);
    for (let from = USERS_PER_ADD; from < others.length; from += USERS_PER_ADD) {
      const added = { userIds: others.slice(from, from + USERS_PER_ADD), history: 'all', changeId: `${name}.${from}` };
      await this.#call(token, 'POST', `/api/groups/${id}/members`, added, withinMs);
    }
    return id;
  }

  /** Sum of the unread counts of all conversations of the token's user. Retries for `withinMs`; throws UserError. */
  async unread(token: string, withinMs: number): Promise<number> {
    let sum = 0;
    for (let cursor: string | null = ''; cursor !== null; ) {
      const path = `/api/messages/conversations?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
      const page: ConversationsPage = await this.#call<ConversationsPage>(token, 'GET', path, undefined, withinMs);
      for (const { unreadCount } of page.conversations) sum += unreadCount;
      cursor = page.nextCursor;
    }
    return sum;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Sends a request until it succeeds: retryable errors, and no answer, are retried for `withinMs`. */
  async #call<T>(token: string, method: string, path: string, payload: unknown, withinMs: number): Promise<T> {
    const until = performance.now() + withinMs;
    const body = payload === undefined ? undefined : JSON.stringify(payload);
    const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) };
    const options = { method, agent: this.#agent, headers, timeout: REQUEST_MS, body };
    for (;;) {
      const response = await sendHttp(this.#url + path, options).catch((error: Error) => error);
      const parsed = response instanceof Error ? {} : parseObject(response.text);
      if (!(response instanceof Error) && response.status < 300) return parsed as T;
      const { error } = parsed as { error?: ErrorPayload };
      if (performance.now() > until || (!(response instanceof Error) && !error?.retryable)) {
        throw new UserError(problemOf(this.#url, path, response, error));
      }
      await delay(error?.retryAfterMs ?? RETRY_MS);
    }
  }
}

/** An empty object for anything that is not a JSON object. */
function parseObject(text: string): object {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function problemOf(url: string, path: string, response: Response | Error, error: ErrorPayload | undefined): string {
  if (response instanceof Error) {
    const { code, message } = response as NodeJS.ErrnoException;
    const hint = /CERT|SIGNED|ISSUER/.test(code ?? '') ? '; --ca FILE or --insecure may help' : '';
    return `${url} does not respond (${message.split(';')[0] || code}${hint}).`;
  }
  if (error === undefined) return `${url}${path} responded with ${response.status}: is this a chat cluster?`;
  if (response.status === 401) return `${url} refused the token (${error.code}: ${error.message})`;
  return `${url}${path} responded with ${error.code}: ${error.message}`;
}
