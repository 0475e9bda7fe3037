import type { Worker } from 'node:cluster';
import { type ForkState, type Lifecycle, type Readiness, startingReadiness } from '@chat-cluster/runtime';
import { requestOf } from './fork-requests.ts';
import type { Forks } from './forks.ts';

/** Time limit for the reply of a fork, in ms: shorter than the time-outs of probes, which begin at 1 s. */
const REPLY_MS = 500;

/**
 * In the supervisor: ready while at least one of the forks serves. `checks` has a line for each fork, which names the
 * parts of the fork that have a problem.
 */
export async function readinessOfForks(
  forks: Forks['members'],
  lifecycle: Pick<Lifecycle, 'stopping'>,
): Promise<Readiness> {
  const lines = await Promise.all(forks.map(({ state, worker }) => STATES[state] ?? stateOf(worker)));
  const checks = Object.fromEntries(forks.map(({ name }, i) => [name, lines[i] ?? '']));
  const isServing = forks.some(({ state }) => state === 'running');
  return lifecycle.stopping || !isServing ? startingReadiness(lifecycle, checks) : { ready: true, checks };
}

/** The lines of forks that do not serve. */
const STATES: Partial<Record<ForkState['state'], string>> = { restarting: 'starting', draining: 'draining' };

async function stateOf(fork: Worker | undefined): Promise<string> {
  const checks = fork && (await requestOf(fork, 'checks', undefined, REPLY_MS).catch(() => undefined));
  if (!checks) return 'does not respond';
  const problems = Object.entries(checks).flatMap(([part, state]) => (state === 'ok' ? [] : [`${part} ${state}`]));
  return problems.join('; ') || 'ok';
}
