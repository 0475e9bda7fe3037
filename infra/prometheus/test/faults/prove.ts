import { type ControlledService, eventually, type FaultCluster, startFaultCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { type RunningPrometheus, startPrometheus } from '../running-prometheus.ts';
import type { Fault, Scenario } from './fault.ts';

/** A scenario's cluster, and the Prometheus that watches it. */
export interface Running extends AsyncDisposable {
  scenario: Scenario;
  cluster: FaultCluster;
  prometheus: RunningPrometheus;
}

/** Long enough for the longest fault: a lane counts as wedged after half a minute. */
const FIRES_WITHIN_MS = 45_000;
/** What a busy start or the fault before left behind is over by then. */
export const QUIET_WITHIN_MS = 25_000;

/** Each with its own cluster and Prometheus. When one of them does not start, those that did are stopped. */
export async function startScenarios(scenarios: readonly Scenario[]): Promise<Running[]> {
  const clusters = await settled(scenarios.map(({ options }) => startFaultCluster(options)));
  // What was late while clusters started is no matter of alerts: they are all there before anybody looks.
  const watchers = await settled(clusters.map((cluster) => startPrometheus(portsOf(cluster)))).catch(async (error) => {
    await dispose(clusters);
    throw error;
  });
  return scenarios.map((scenario, i) => {
    const [cluster, prometheus] = [clusters[i] as FaultCluster, watchers[i] as RunningPrometheus];
    return { scenario, cluster, prometheus, [Symbol.asyncDispose]: () => dispose([prometheus, cluster]) };
  });
}

/** Stops them side by side. */
export async function dispose(parts: readonly AsyncDisposable[]): Promise<void> {
  await Promise.all(parts.map((part) => part[Symbol.asyncDispose]()));
}

/** Makes every fault. For each, in their order: resolves with its alerts once all have fired, having been silent before. */
export function proveAll({ scenario, ...at }: Running): Map<Fault, Promise<readonly string[]>> {
  const proofs = new Map<Fault, Promise<readonly string[]>>();
  for (const track of scenario.tracks) {
    let earlier: Promise<unknown> = Promise.resolve();
    for (const fault of track) {
      const proof = earlier.then(() => prove(fault, at));
      proofs.set(fault, proof);
      // Its own test says that it failed; the next fault is made all the same.
      earlier = proof.catch(() => {});
    }
  }
  return proofs;
}

async function prove({ alerts, make }: Fault, { cluster, prometheus }: Omit<Running, 'scenario'>) {
  await eventually(async () => {
    const firing = await prometheus.firing();
    const early = alerts.filter((alert) => firing.has(alert));
    expect(early, 'fire before their fault is made').to.deep.equal([]);
  }, QUIET_WITHIN_MS);
  await using undo = new AsyncDisposableStack();
  const over = new AbortController();
  try {
    await make({ cluster, undo, over: over.signal });
    const fired = new Set<string>();
    await eventually(async () => {
      for (const alert of await prometheus.firing()) fired.add(alert);
      const silent = alerts.filter((alert) => !fired.has(alert));
      expect(silent, 'do not fire').to.deep.equal([]);
    }, FIRES_WITHIN_MS);
  } finally {
    over.abort();
  }
  return alerts;
}

function portsOf({ gateways, workers }: FaultCluster): { gateways: number[]; workers: number[] } {
  const ports = (services: readonly ControlledService[]) => services.map(({ adminPort }) => adminPort);
  return { gateways: ports(gateways), workers: ports(workers) };
}

/** As Promise.all, but a failure waits for the others, and stops them. */
async function settled<T extends AsyncDisposable>(promises: readonly Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(promises);
  const fulfilled = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = outcomes.find((one) => one.status === 'rejected');
  if (!failed) return fulfilled;
  await dispose(fulfilled);
  throw failed.reason;
}
