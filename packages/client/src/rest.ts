import type { Conversation, ConversationsPage, Problem } from '@chat-cluster/contracts';
import type { Tokens } from './connection/tokens.ts';
import { problem } from './core/problem.ts';
import type { Clock } from './core/seams.ts';
import { ChatFailure, textOf, tokenProblem, Unauthorized } from './errors.ts';
import { PAGE_SIZE } from './wire.ts';

/** Time in which a request must be answered, in ms. */
const LIMIT_MS = 10_000;

export interface RestDeps {
  readonly options: { origin: string; fetch?: typeof fetch };
  readonly tokens: Tokens;
  readonly clock: Clock;
}

/** The requests that have no event, such as to open a conversation, and to list them. They reject with a ChatFailure. */
export class Rest {
  #deps: RestDeps;
  #underWay = new Set<AbortController>();

  constructor(deps: RestDeps) {
    this.#deps = deps;
  }

  open(participantId: string): Promise<Conversation> {
    return this.request('/api/conversations', JSON.stringify({ participantId }));
  }

  list(cursor: string | undefined): Promise<ConversationsPage> {
    const page = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    return this.request(`/api/messages/conversations?limit=${PAGE_SIZE}${page}`);
  }

  /** Ends the requests under way. */
  abort(): void {
    for (const request of this.#underWay) request.abort();
  }

  /** With a body it is a POST, without one a GET. */
  async request<T>(path: string, body?: string, isRetry = false): Promise<T> {
    const { tokens } = this.#deps;
    const token = await tokens.get().catch((error: unknown) => {
      throw new ChatFailure(tokenProblem(error));
    });
    if (token === null) throw new ChatFailure(tokenProblem(new Unauthorized()));
    const answer = await this.#fetch(path, token, body);
    if (answer.ok) return answer.body as T;
    const error = (answer.body as Partial<Problem> | undefined)?.error;
    if (!isRetry && (error?.code === 'TOKEN_EXPIRED' || error?.code === 'TOKEN_INVALID')) {
      tokens.refused(error.code);
      return this.request(path, body, true);
    }
    throw new ChatFailure(error ?? problem('UNAVAILABLE', UNEXPECTED));
  }

  async #fetch(path: string, token: string, body: string | undefined) {
    const { options, clock } = this.#deps;
    const { origin, fetch = globalThis.fetch } = options;
    const abort = new AbortController();
    this.#underWay.add(abort);
    const cancel = clock.after(LIMIT_MS, () => abort.abort());
    try {
      const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
      const post = body === undefined ? {} : { method: 'POST', body };
      const response = await fetch(origin + path, { ...post, headers, signal: abort.signal });
      const answer: unknown = await response.json().catch(() => undefined);
      return { ok: response.ok && answer !== undefined, body: answer };
    } catch (error) {
      const message = `The server cannot be reached (${textOf(error)}). Try again later.`;
      throw new ChatFailure(problem('CONNECTION_LOST', message));
    } finally {
      cancel();
      this.#underWay.delete(abort);
    }
  }
}

const UNEXPECTED = 'The response is not from the chat server. Check the url.';
