import * as http from 'node:http';
import * as https from 'node:https';
import type { Conversation, ConversationsPage, ErrorPayload } from '@chat-cluster/contracts';
import { UserError } from '@chat-cluster/runtime';
import type { LeanTls } from '@chat-cluster/testkit/lean-client';

/** Requests under way of one process: the REST API is not what is measured. */
const AT_ONCE = 12;
const REQUEST_MS = 10_000;
const RETRY_MS = 300;

interface Answer {
  status: number;
  body: unknown;
}

/** The REST API of a cluster at `url`, over connections that are kept. */
export class Api {
  #url: string;
  #agent: http.Agent;
  #request: typeof http.request;

  constructor(url: string, tls: LeanTls = {}) {
    this.#url = url.replace(/\/+$/, '');
    const keep = { keepAlive: true, maxSockets: AT_ONCE };
    const trust = { ...(tls.ca === undefined ? {} : { ca: tls.ca }), rejectUnauthorized: tls.insecure !== true };
    const secure = new URL(url).protocol === 'https:';
    this.#agent = secure ? new https.Agent({ ...keep, ...trust }) : new http.Agent(keep);
    this.#request = secure ? https.request : http.request;
  }

  /** The conversation of the token's user with another, made or found. Tries for `withinMs`; throws UserError. */
  async openConversation(token: string, participantId: string, withinMs: number): Promise<string> {
    const { id } = await this.#ask<Conversation>(token, 'POST', '/api/conversations', { participantId }, withinMs);
    return id;
  }

  /** The sum of the unread counts of all conversations of the token's user. Tries for `withinMs`; throws UserError. */
  async unread(token: string, withinMs: number): Promise<number> {
    let sum = 0;
    for (let cursor: string | null = ''; cursor !== null; ) {
      const path = `/api/messages/conversations?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
      const page: ConversationsPage = await this.#ask<ConversationsPage>(token, 'GET', path, undefined, withinMs);
      for (const { unreadCount } of page.conversations) sum += unreadCount;
      cursor = page.nextCursor;
    }
    return sum;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** What the API answers, as soon as it does; an error that says so, and silence, are tried again. */
  async #ask<T>(token: string, method: string, path: string, payload: unknown, withinMs: number): Promise<T> {
    const until = performance.now() + withinMs;
    for (;;) {
      const answer = await this.#once(token, method, path, payload).catch((error: Error) => error);
      if (!(answer instanceof Error) && answer.status < 300) return answer.body as T;
      const error = answer instanceof Error ? undefined : (answer.body as { error?: ErrorPayload }).error;
      if (performance.now() > until || (!(answer instanceof Error) && !error?.retryable)) {
        throw new UserError(sentence(this.#url, path, answer, error));
      }
      await new Promise((resolve) => setTimeout(resolve, error?.retryAfterMs ?? RETRY_MS));
    }
  }

  #once(token: string, method: string, path: string, payload: unknown): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const text = payload === undefined ? undefined : JSON.stringify(payload);
      const headers = { authorization: `Bearer ${token}`, ...(text && { 'content-type': 'application/json' }) };
      const options = { method, agent: this.#agent, headers, timeout: REQUEST_MS };
      const request = this.#request(this.#url + path, options, (response) => {
        let said = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          said += chunk;
        });
        response.once('error', reject).once('end', () => {
          resolve({ status: response.statusCode ?? 0, body: parsed(said) });
        });
      });
      request.once('timeout', () => request.destroy(new Error(`no answer within ${REQUEST_MS / 1_000} s`)));
      request.once('error', reject).end(text);
    });
  }
}

/** An object, whatever was said. */
function parsed(text: string): object {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function sentence(url: string, path: string, answer: Answer | Error, error: ErrorPayload | undefined): string {
  if (answer instanceof Error) {
    const { code, message } = answer as NodeJS.ErrnoException;
    const hint = /CERT|SIGNED|ISSUER/.test(code ?? '') ? '; --ca FILE or --insecure may help' : '';
    return `${url} does not answer (${message.split(';')[0] || code}${hint}).`;
  }
  if (error === undefined) return `${url}${path} answered ${answer.status}: is this a chat cluster?`;
  if (answer.status === 401) return `${url} refused the token (${error.code}: ${error.message})`;
  return `${url}${path} answered ${error.code}: ${error.message}`;
}
