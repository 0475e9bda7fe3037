import type { ClientEvent, UserId } from '@chat-cluster/contracts';
import type { FakeScope } from './deliveries.ts';
import { type ErrorCode, FakeRejection } from './errors.ts';

/** What a fake cluster can refuse: an event of a client, a connect, or a request over HTTP. */
export type FakeRequest =
  | ClientEvent
  | 'connect'
  | 'POST /api/conversations'
  | 'GET /api/messages/conversations'
  | 'GET /api/groups'
  | 'GET /api/messages/in'
  | 'GET /api/blocks';

export interface FakeRefusal extends FakeScope {
  /** Time after which the client should try again, in ms. */
  retryAfterMs?: number | undefined;
  message?: string | undefined;
}

interface Rule extends FakeRefusal {
  request: FakeRequest;
  code: ErrorCode;
  left: number;
}

/** Refuses chosen requests with a coded error, without any effect. */
export class Refusals {
  readonly #rules: Rule[] = [];

  add(request: FakeRequest, code: ErrorCode, refusal: FakeRefusal = {}): void {
    this.#rules.push({ ...refusal, request, code, left: refusal.times ?? 1 });
  }

  clear(): void {
    this.#rules.length = 0;
  }

  /** Throws the error of the first refusal that applies. */
  check(request: FakeRequest, user: UserId): void {
    const rule = this.#rules.find(
      (one) => one.request === request && one.left > 0 && (one.user === undefined || one.user === user),
    );
    if (!rule) return;
    rule.left--;
    throw new FakeRejection(rule.code, rule);
  }
}
