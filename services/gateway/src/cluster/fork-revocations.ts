import type { Worker } from 'node:cluster';
import type { OpsAction } from '@chat-cluster/runtime';
import { requestOf } from './fork-requests.ts';

/** Time limit for the reply of a fork, in ms. */
const REPLY_MS = 10_000;

/** In the supervisor: passes a revocation to the first fork that `serves`. */
export function revokeInFork(forks: ReadonlyMap<string, Worker>, serves: (fork: Worker) => boolean): OpsAction {
  return async (body) => {
    const fork = [...forks.values()].find(serves);
    const unavailable = {
      status: 503,
      body: { error: { code: 'UNAVAILABLE', message: 'No gateway process responds' } },
    };
    if (!fork) return unavailable;
    return requestOf(fork, 'revoke', body, REPLY_MS).catch(() => unavailable);
  };
}
