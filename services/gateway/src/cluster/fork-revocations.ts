import type { Worker } from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { type OpsAction, withDeadline } from '@chat-cluster/runtime';

/*
 * `POST /revocations` arrives at the supervisor, which has no connection to Postgres or Redis. It passes the request to
 * one of its forks.
 */

interface Request {
  type: 'chat:revoke';
  id: string;
  body: unknown;
}

interface Reply {
  type: 'chat:revoked';
  id: string;
  result: Awaited<ReturnType<OpsAction>>;
}

/** Time limit for the reply of a fork, in ms. */
const REPLY_MS = 10_000;

/** In a fork: performs the revocations that the supervisor passes on. */
export function revokeOnRequest(revoke: OpsAction): void {
  process.on('message', async (message: Partial<Request>) => {
    const { type, id = '', body } = message ?? {};
    if (type !== 'chat:revoke') return;
    const result = await revoke(body);
    process.send?.({ type: 'chat:revoked', id, result } satisfies Reply);
  });
}

/** In the supervisor: passes a revocation to the first fork that `serves`. */
export function revokeInFork(forks: ReadonlyMap<string, Worker>, serves: (fork: Worker) => boolean): OpsAction {
  return async (body) => {
    const fork = [...forks.values()].find(serves);
    const unavailable = {
      status: 503,
      body: { error: { code: 'UNAVAILABLE', message: 'No gateway process responds' } },
    };
    if (!fork) return unavailable;
    const { promise, resolve } = Promise.withResolvers<Reply['result']>();
    const id = randomUUID();
    const onMessage = (message: Partial<Reply>) => {
      if (message?.type === 'chat:revoked' && message.id === id && message.result) resolve(message.result);
    };
    fork.on('message', onMessage);
    fork.send({ type: 'chat:revoke', id, body } satisfies Request, () => {});
    return withDeadline(promise, REPLY_MS, 'the revocation')
      .catch(() => unavailable)
      .finally(() => fork.off('message', onMessage));
  };
}
