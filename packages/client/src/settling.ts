import type { Connection } from './connection/connection.ts';
import type { Outbox } from './core/outbox.ts';
import { problem } from './core/problem.ts';
import { type Deferred, defer } from './defer.ts';
import { ChatFailure } from './errors.ts';

export interface SettlingDeps {
  readonly connection: Pick<Connection, 'status'>;
  readonly core: { readonly outbox: Pick<Outbox, 'unsent'> };
}

/** Those that wait until everything is sent. */
export class Settling {
  #deps: SettlingDeps;
  #waiting: Deferred<void>[] = [];

  constructor(deps: SettlingDeps) {
    this.#deps = deps;
  }

  /** Resolves when the client is live and no message waits. Rejects when it stops. */
  wait(): Promise<void> {
    const waiting = defer<void>();
    this.#waiting.push(waiting);
    this.check();
    return waiting.promise;
  }

  /** Something may have changed. */
  check(): void {
    if (this.#waiting.length === 0) return;
    const { state, error } = this.#deps.connection.status;
    if (state === 'live' && this.#deps.core.outbox.unsent === 0) {
      for (const { resolve } of this.#waiting.splice(0)) resolve();
    } else if (state === 'closed' || state === 'unauthorized' || state === 'signed_out') {
      const reason = new ChatFailure(error ?? problem('CONNECTION_LOST', `The client is ${state}.`, false));
      for (const { reject } of this.#waiting.splice(0)) reject(reason);
    }
  }
}
