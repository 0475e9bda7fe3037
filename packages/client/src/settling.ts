import type { Connection } from './connection/connection.ts';
import type { Outbox } from './core/outbox.ts';
import { problem } from './core/problem.ts';
import { ChatFailure } from './errors.ts';

export interface SettlingDeps {
  readonly connection: Pick<Connection, 'status' | 'isActive'>;
  readonly core: { readonly outbox: Pick<Outbox, 'unsent'> };
}

/** Callers that wait until everything is sent. */
export class Settling {
  #deps: SettlingDeps;
  /** Each ends one wait: with an error, or without. */
  #waiting: ((error?: ChatFailure) => void)[] = [];

  constructor(deps: SettlingDeps) {
    this.#deps = deps;
  }

  /** Resolves when the client is live and no message waits. Rejects when it stops. */
  wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push((error) => (error ? reject(error) : resolve()));
      this.check();
    });
  }

  /** Something may have changed. */
  check(): void {
    const { connection, core } = this.#deps;
    const { state, error = problem('CONNECTION_LOST', `The client is ${state}.`, false) } = connection.status;
    if (state === 'idle' || this.#waiting.length === 0) return;
    const isSettled = state === 'live' && core.outbox.unsent === 0;
    if (connection.isActive && !isSettled) return;
    for (const end of this.#waiting.splice(0)) end(isSettled ? undefined : new ChatFailure(error));
  }
}
