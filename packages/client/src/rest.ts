import type { Conversation, ConversationsPage, Problem } from '@chat-cluster/contracts';
import type { Tokens } from './connection/tokens.ts';
import type { Clock } from './core/seams.ts';
import { ChatFailure, textOf } from './errors.ts';

/** Time in which a request must be answered, in ms. */
const LIMIT_MS = 10_000;

export interface RestDeps {
  origin: string;
  fetch: typeof fetch;
  tokens: Tokens;
  clock: Clock;
}

/** The two requests that have no event: to open a conversation, and to list them. They reject with a ChatFailure. */
export class Rest {
  #deps: RestDeps;
  #underWay = new Set<AbortController>();

  constructor(deps: RestDeps) {
    this.#deps = deps;
  }

  open(participantId: string): Promise<Conversation> {
    const body = JSON.stringify({ participantId });
    return this.#request('/api/conversations', { method: 'POST', body });
  }

  list(limit: number, cursor: string | undefined): Promise<ConversationsPage> {
    const page = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    return this.#request(`/api/messages/conversations?limit=${limit}${page}`, { method: 'GET' });
  }

  /** Ends the requests under way. */
  abort(): void {
    for (const request of this.#underWay) request.abort();
  }

  async #request<T>(path: string, request: { method: string; body?: string }, isRetry = false): Promise<T> {
    const { tokens } = this.#deps;
    const token = await tokens.get().catch((error: unknown) => {
      throw new ChatFailure({
        code: 'GET_TOKEN_FAILED',
        message: `getToken failed: ${textOf(error)}.`,
        retryable: true,
      });
    });
    if (token === null) {
      throw new ChatFailure({
        code: 'TOKEN_MISSING',
        message: 'No user is signed in. Sign in first.',
        retryable: false,
      });
    }
    const { ok, body } = await this.#fetch(path, request, token);
    if (ok) return body as T;
    const error = (body as Partial<Problem> | undefined)?.error;
    const isToken = error?.code === 'TOKEN_EXPIRED' || error?.code === 'TOKEN_INVALID';
    if (isToken && !isRetry) {
      tokens.replace(error.code === 'TOKEN_EXPIRED' ? 'expired' : 'rejected');
      return this.#request(path, request, true);
    }
    throw new ChatFailure(error ?? { code: 'UNAVAILABLE', message: UNEXPECTED, retryable: true });
  }

  async #fetch(path: string, request: { method: string; body?: string }, token: string) {
    const { origin, fetch, clock } = this.#deps;
    const abort = new AbortController();
    this.#underWay.add(abort);
    const cancel = clock.after(LIMIT_MS, () => abort.abort());
    try {
      const headers = {
        Authorization: `Bearer ${token}`,
        ...(request.body === undefined ? {} : { 'Content-Type': 'application/json' }),
      };
      const response = await fetch(`${origin}${path}`, { ...request, headers, signal: abort.signal });
      const body: unknown = await response.json().catch(() => undefined);
      return { ok: response.ok && body !== undefined, body };
    } catch (error) {
      const message = `The server cannot be reached (${textOf(error)}). Try again when the client is live.`;
      throw new ChatFailure({ code: 'CONNECTION_LOST', message, retryable: true });
    } finally {
      cancel();
      this.#underWay.delete(abort);
    }
  }
}

const UNEXPECTED = 'The response is not from the chat server. Check the url and its proxies.';
