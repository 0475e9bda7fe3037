import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceProcess } from '@chat-cluster/local-cluster';
import type { Repetition } from '@chat-cluster/runtime';
import {
  type ControlledService,
  eventually,
  type FaultCluster,
  startFaultCluster,
  temporaryFolder,
} from '@chat-cluster/testkit';
import { expect } from 'chai';
import { type Ports, type RunningPrometheus, startPrometheus } from '../running-prometheus.ts';
import { type Fault, type Scenario, startProber } from './fault.ts';

/** The cluster of a scenario, and the Prometheus that scrapes it. */
export interface RunningScenario extends AsyncDisposable {
  scenario: Scenario;
  cluster: FaultCluster;
  prober: ServiceProcess | undefined;
  keysFile: string;
  prometheus: RunningPrometheus;
}

/** Time for all alerts of a fault to fire: more than misrouted polls take, which a gateway counts after 20 s. */
const FIRES_WITHIN_MS = 120_000;
/** Time for alerts to end that the start of a cluster, or the previous fault, has fired. */
export const QUIET_WITHIN_MS = 60_000;

/** Starts each scenario with its own cluster and Prometheus. When one cannot start, stops the others and rejects. */
export async function startScenarios(scenarios: readonly Scenario[]): Promise<RunningScenario[]> {
  const clusters = await allOrNone(scenarios.map(startParts));
  // Only now, so that the delays of starting processes fire no alerts.
  const monitors = await allOrNone(clusters.map((one) => startPrometheus(portsOf(one)))).catch(async (error) => {
    await dispose(clusters);
    throw error;
  });
  return clusters.map((one, i) => {
    const prometheus = monitors[i] as RunningPrometheus;
    return { ...one, prometheus, [Symbol.asyncDispose]: () => dispose([prometheus, one]) };
  });
}

type Parts = Omit<RunningScenario, 'prometheus'>;

async function startParts(scenario: Scenario): Promise<Parts> {
  await using undo = new AsyncDisposableStack();
  const keysFile = join(undo.use(temporaryFolder()).path, 'keys.json');
  writeFileSync(keysFile, '{"keys":[]}');
  const env = { ...scenario.options.env, JWT_KEYS_FILE: keysFile };
  const cluster = undo.use(await startFaultCluster({ ...scenario.options, env }));
  const prober = scenario.probe ? await startProber({ cluster }) : undefined;
  undo.defer(() => prober?.stop(2_000));
  const parts = undo.move();
  return { scenario, cluster, prober, keysFile, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

/** Disposes of all of them at the same time. */
export async function dispose(parts: readonly AsyncDisposable[]): Promise<void> {
  await Promise.all(parts.map((part) => part[Symbol.asyncDispose]()));
}

/**
 * Makes all faults of a scenario, in their order. Each promise resolves with the alerts of its fault when all of them
 * have fired; before the fault they must be silent.
 */
export function proveAll({ scenario, ...stage }: RunningScenario): Map<Fault, Promise<readonly string[]>> {
  const proofs = new Map<Fault, Promise<readonly string[]>>();
  for (const track of scenario.tracks) {
    let previous: Promise<unknown> = Promise.resolve();
    for (const fault of track) {
      const proof = previous.then(() => prove(fault, stage));
      proofs.set(fault, proof);
      // The test of this fault reports its failure; the next fault is made in any case.
      previous = proof.catch(() => {});
    }
  }
  return proofs;
}

async function prove({ alerts, make }: Fault, { prometheus, ...parts }: Omit<RunningScenario, 'scenario'>) {
  await eventually(async () => {
    const firing = await prometheus.firing();
    const early = alerts.filter((alert) => firing.has(alert));
    expect(early, 'fire before their fault is made').to.deep.equal([]);
  }, QUIET_WITHIN_MS);
  await using undo = new AsyncDisposableStack();
  const repetitions: Repetition[] = [];
  try {
    await make({ ...parts, repetitions, undo });
    const fired = new Set<string>();
    await eventually(async () => {
      for (const alert of await prometheus.firing()) fired.add(alert);
      const silent = alerts.filter((alert) => !fired.has(alert));
      expect(silent, 'do not fire').to.deep.equal([]);
    }, FIRES_WITHIN_MS);
  } finally {
    await Promise.all(repetitions.map((repetition) => repetition.stop()));
  }
  return alerts;
}

function portsOf({ cluster, prober }: Parts): Ports {
  const ports = (services: readonly ControlledService[]) => services.map(({ adminPort }) => adminPort);
  const probers = prober ? [prober.ready().adminPort ?? 0] : [];
  return { gateways: ports(cluster.gateways), workers: ports(cluster.workers), probers };
}

/** Promise.all, but when one promise rejects, it waits for the others and disposes of their results. */
async function allOrNone<T extends AsyncDisposable>(promises: readonly Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(promises);
  const fulfilled = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = outcomes.find((one) => one.status === 'rejected');
  if (!failed) return fulfilled;
  await dispose(fulfilled);
  throw failed.reason;
}
