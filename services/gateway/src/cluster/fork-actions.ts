import type { Worker } from 'node:cluster';
import type { OpsAction } from '@chat-cluster/runtime';
import { ACTION_PATHS, type GatewayActions, requestOf } from './fork-requests.ts';

/** Time limit for the reply of a fork, in ms. */
const REPLY_MS = 10_000;

/** In the supervisor: the actions of the admin listener, passed to a fork that serves. */
export function actionsInFork(servingFork: () => Worker | undefined): GatewayActions {
  const unavailable = { status: 503, body: { error: { code: 'UNAVAILABLE', message: 'No gateway process responds' } } };
  const inFork = (path: keyof GatewayActions): OpsAction => {
    return async (body) => {
      const fork = servingFork();
      if (!fork) return unavailable;
      return requestOf(fork, 'act', { path, body }, REPLY_MS).catch(() => unavailable);
    };
  };
  return Object.fromEntries(ACTION_PATHS.map((path) => [path, inFork(path)])) as GatewayActions;
}
