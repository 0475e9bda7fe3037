import type { Worker } from 'node:cluster';
import { type Lifecycle, type Readiness, startingReadiness } from '@chat-cluster/runtime';
import type { Entry } from './entry.ts';
import { requestOf } from './fork-requests.ts';

/** Time limit for the reply of a fork, in ms: shorter than the time-outs of probes, which begin at 1 s. */
const REPLY_MS = 500;

/**
 * In the supervisor: ready while at least one of the forks serves. `checks` has a line for each fork, which names the
 * parts of the fork that have a problem.
 */
export async function readinessOfForks(
  names: readonly string[],
  forks: ReadonlyMap<string, Worker>,
  { entry, lifecycle }: { entry: Entry; lifecycle: Pick<Lifecycle, 'stopping'> },
): Promise<Readiness> {
  const serving = names.map((name) => {
    const fork = forks.get(name);
    return entry.isOffered(fork) ? fork : undefined;
  });
  const lines = await Promise.all(serving.map((fork) => (fork ? stateOf(fork) : 'starting')));
  const checks = Object.fromEntries(names.map((name, i) => [name, lines[i] ?? '']));
  const isServing = serving.some((fork) => fork !== undefined);
  return lifecycle.stopping || !isServing ? startingReadiness(lifecycle, checks) : { ready: true, checks };
}

async function stateOf(fork: Worker): Promise<string> {
  const checks = await requestOf(fork, 'checks', undefined, REPLY_MS).catch(() => undefined);
  if (!checks) return 'does not respond';
  const problems = Object.entries(checks).flatMap(([part, state]) => (state === 'ok' ? [] : [`${part} ${state}`]));
  return problems.join('; ') || 'ok';
}
