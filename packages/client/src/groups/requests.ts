import type { FailureAck } from '@chat-cluster/contracts';
import { type Problem, problem } from '../core/problem.ts';
import type { Clock, Wire } from '../core/seams.ts';
import { ChatFailure } from '../errors.ts';
import type { ChatError } from '../types.ts';
import { ANSWER_TIMEOUT_MS } from '../wire.ts';

export interface RequestsDeps {
  readonly clock: Clock;
  /** The connection, while live. */
  readonly live: Wire | undefined;
  /** Throws when the client is closed. */
  open(): unknown;
}

/** Requests of the user over the present connection. They reject with a ChatFailure, and are not repeated. */
export class Requests {
  #deps: RequestsDeps;
  /** Ends a request without an answer. */
  #underWay = new Set<(error: ChatError) => void>();

  constructor(deps: RequestsDeps) {
    this.#deps = deps;
  }

  /** `onEnd` is called with the answer, or without one after a failure, before the promise settles. */
  call<Answer extends { ok: true }>(
    event: string,
    payload: object,
    onEnd?: (answer?: Answer) => void,
  ): Promise<Answer> {
    const { live, clock } = this.#deps;
    return new Promise((resolve, reject) => {
      this.#deps.open();
      const finish = (error: ChatError | FailureAck['error'] | undefined, answer?: Answer) => {
        onEnd?.(answer);
        if (answer) resolve(answer);
        else reject(new ChatFailure(error as ChatError));
      };
      if (!live) {
        finish(LOST);
        return;
      }
      const end = (error: ChatError | FailureAck['error'] | undefined, answer?: Answer) => {
        if (!this.#underWay.delete(end)) return;
        cancel();
        finish(error, answer);
      };
      const cancel = clock.after(ANSWER_TIMEOUT_MS, () => end(LATE));
      this.#underWay.add(end);
      live.call<Answer>(event, payload, (answer) => (answer.ok ? end(undefined, answer) : end(answer.error)));
    });
  }

  /** The connection is lost. */
  lost(): void {
    for (const end of [...this.#underWay]) end(LOST);
  }
}

const LOST: Problem<'CONNECTION_LOST'> = problem('CONNECTION_LOST', 'There is no connection. Try again later.');
const LATE: Problem<'TIMEOUT'> = problem('TIMEOUT', 'The server did not respond in time. Try again.');
