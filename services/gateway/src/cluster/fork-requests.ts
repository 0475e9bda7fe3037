import type { Worker } from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { type OpsAction, withDeadline } from '@chat-cluster/runtime';

/*
 * Requests of the supervisor to its forks. The admin listener is in the supervisor, which has no connection to Postgres
 * or Redis.
 */

export const ACTION_PATHS = ['/revocations', '/conversations', '/groups', '/group-members'] as const;

/** The actions of a gateway's admin listener, by their path. */
export type GatewayActions = Record<(typeof ACTION_PATHS)[number], OpsAction>;

/** What a fork can be asked for. */
interface Kinds {
  /** Performs an action of the admin listener. */
  act: { body: { path: keyof GatewayActions; body: unknown }; result: Awaited<ReturnType<OpsAction>> };
  /** The state of each part of the fork, by name: 'ok', or the problem. */
  checks: { body: undefined; result: Record<string, string> };
}
type Kind = keyof Kinds;

interface Request<K extends Kind> {
  type: 'chat:request';
  kind: K;
  id: string;
  body: Kinds[K]['body'];
}

interface Reply {
  type: 'chat:reply';
  id: string;
  result: Kinds[Kind]['result'];
}

/** In a fork: responds to the requests of one kind. `respond` must not reject. */
export function respondToSupervisor<K extends Kind>(
  kind: K,
  respond: (body: Kinds[K]['body']) => Kinds[K]['result'] | Promise<Kinds[K]['result']>,
): void {
  process.on('message', async (message: Partial<Request<K>>) => {
    const { type, id = '', body } = message ?? {};
    if (type !== 'chat:request' || message.kind !== kind) return;
    process.send?.({ type: 'chat:reply', id, result: await respond(body as Kinds[K]['body']) } satisfies Reply);
  });
}

/** In the supervisor: resolves with the result of the fork. Rejects if there is none within `withinMs`. */
export async function requestOf<K extends Kind>(
  fork: Worker,
  kind: K,
  body: Kinds[K]['body'],
  withinMs: number,
): Promise<Kinds[K]['result']> {
  const { promise, resolve } = Promise.withResolvers<Kinds[K]['result']>();
  const id = randomUUID();
  const onMessage = (message: Partial<Reply>) => {
    if (message?.type === 'chat:reply' && message.id === id) resolve(message.result as Kinds[K]['result']);
  };
  fork.on('message', onMessage);
  fork.send({ type: 'chat:request', kind, id, body } satisfies Request<K>, () => {});
  return withDeadline(promise, withinMs, kind).finally(() => fork.off('message', onMessage));
}
