import type { ServiceProcess } from '@chat-cluster/local-cluster';
import { type ControlledService, eventually, type FaultCluster, startFaultCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { type Ports, type RunningPrometheus, startPrometheus } from '../running-prometheus.ts';
import { type Fault, type Scenario, startProber } from './fault.ts';

/** A scenario's cluster, and the Prometheus that watches it. */
export interface Running extends AsyncDisposable {
  scenario: Scenario;
  cluster: FaultCluster;
  prober: ServiceProcess | undefined;
  prometheus: RunningPrometheus;
}

/** Long enough for the longest fault: a lane counts as wedged after half a minute. */
const FIRES_WITHIN_MS = 45_000;
/** What a busy start or the fault before left behind is over by then. */
export const QUIET_WITHIN_MS = 25_000;

/** Each with its own cluster and Prometheus. When one of them does not start, those that did are stopped. */
export async function startScenarios(scenarios: readonly Scenario[]): Promise<Running[]> {
  const staged = await settled(scenarios.map(stage));
  // What was late while clusters started is no matter of alerts: they are all there before anybody looks.
  const watchers = await settled(staged.map((one) => startPrometheus(portsOf(one)))).catch(async (error) => {
    await dispose(staged);
    throw error;
  });
  return staged.map((one, i) => {
    const prometheus = watchers[i] as RunningPrometheus;
    return { ...one, prometheus, [Symbol.asyncDispose]: () => dispose([prometheus, one]) };
  });
}

type Staged = Omit<Running, 'prometheus'>;

async function stage(scenario: Scenario): Promise<Staged> {
  await using undo = new AsyncDisposableStack();
  const cluster = undo.use(await startFaultCluster(scenario.options));
  const prober = scenario.probe ? await startProber({ cluster }) : undefined;
  undo.defer(() => prober?.stop(2_000));
  const parts = undo.move();
  return { scenario, cluster, prober, [Symbol.asyncDispose]: () => parts.disposeAsync() };
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

async function prove({ alerts, make }: Fault, { cluster, prober, prometheus }: Omit<Running, 'scenario'>) {
  await eventually(async () => {
    const firing = await prometheus.firing();
    const early = alerts.filter((alert) => firing.has(alert));
    expect(early, 'fire before their fault is made').to.deep.equal([]);
  }, QUIET_WITHIN_MS);
  await using undo = new AsyncDisposableStack();
  const over = new AbortController();
  try {
    await make({ cluster, prober, undo, over: over.signal });
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

function portsOf({ cluster, prober }: Staged): Ports {
  const ports = (services: readonly ControlledService[]) => services.map(({ adminPort }) => adminPort);
  const probers = prober ? [prober.ready().adminPort ?? 0] : [];
  return { gateways: ports(cluster.gateways), workers: ports(cluster.workers), probers };
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
