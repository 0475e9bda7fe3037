import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig as loadGatewayConfig } from '@chat-cluster/gateway/config';
import { loadConfig as loadProberConfig } from '@chat-cluster/prober/config';
import { redisServers } from '@chat-cluster/runtime';
import { loadConfig as loadWorkerConfig } from '@chat-cluster/worker/config';
import { k8s, type Manifest, nameOf, ofKind } from './manifests.ts';
import { replicas, surge, type Workload, workload, workloads } from './workloads.ts';

/*
 * What the services and the manifests must agree on. Each check returns what is wrong, a sentence each.
 */

/** Values of secrets, as k8s/README.md tells to make them. */
const SECRETS: Record<string, string> = {
  DATABASE_URL: 'postgres://chat:secret@postgres.internal:5432/chat',
  REDIS_URL: 'redis://:secret@redis.internal:6379',
  REDIS_PUBSUB_URL: 'redis+cluster://:secret@pubsub-1.internal:6379,pubsub-2.internal:6379',
  REDIS_QUEUE_URLS: 'redis://:secret@queue-1.internal:6379,redis://:secret@queue-2.internal:6379',
  REDIS_CACHE_URL: 'redis://:secret@cache.internal:6379',
  JWT_SECRET: 'a secret of thirty-two characters or more',
};

/** Of Node, not of ours. */
const OF_NODE = ['NODE_OPTIONS'];

function environmentOf({ settings, secrets }: Workload): NodeJS.ProcessEnv {
  return { ...settings, ...Object.fromEntries(Object.keys(secrets).map((key) => [key, SECRETS[key]])) };
}

function configOf(one: Workload) {
  return one.name === 'gateway' ? loadGatewayConfig(environmentOf(one)) : loadWorkerConfig(environmentOf(one));
}

const ROLES = ['gateway', 'worker'];

/** The prober, where there is one: it has neither Redis nor Postgres. */
function probers(manifests: readonly Manifest[]) {
  return workloads(manifests).filter(({ name }) => name === 'prober');
}

export function settingsProblems(manifests: readonly Manifest[]): string[] {
  const ours = [...ROLES.map((role) => workload(manifests, role)), ...probers(manifests)];
  return ours.flatMap((one) => {
    try {
      const config = one.name === 'prober' ? loadProberConfig(environmentOf(one)) : configOf(one);
      if ('LANES' in config) redisServers(config);
      const unknown = [...Object.keys(one.settings), ...Object.keys(one.secrets)].filter(
        (name) => !(name in config) && !OF_NODE.includes(name),
      );
      return unknown.map((name) => `${one.name} knows no setting ${name}`);
    } catch (error) {
      return [`${one.name}: ${String(error)}`];
    }
  });
}

/** Gateways and workers of one cluster have the same, by hand or by default. */
export function agreementProblems(manifests: readonly Manifest[]): string[] {
  const [gateway, worker] = ROLES.map((role) => configOf(workload(manifests, role)));
  return (['LANES', 'REDIS_ADAPTER', 'NODE_ENV'] as const).flatMap((name) =>
    gateway?.[name] === worker?.[name]
      ? []
      : [`${name} is ${gateway?.[name]} for gateways, ${worker?.[name]} for workers`],
  );
}

/** What a stop may take by its settings, without what is between the steps. */
const STEPS_OF_A_STOP = ['DRAIN_DELAY_MS', 'DRAIN_WINDOW_MS', 'SHUTDOWN_TIMEOUT_MS'];
/** Between them, on a machine that is busy with the same rollout. */
const MARGIN_SECONDS = 10;

export function graceProblems(manifests: readonly Manifest[]): string[] {
  const ours = [...ROLES.map((role) => workload(manifests, role)), ...probers(manifests)];
  return ours.flatMap((one) => {
    const config = one.name === 'prober' ? loadProberConfig(environmentOf(one)) : configOf(one);
    const settings = Object.entries(config).filter(([name]) => STEPS_OF_A_STOP.includes(name));
    const steps = settings.map(([, ms]) => Number(ms) / 1_000);
    const preStop = one.container.lifecycle?.preStop?.sleep?.seconds ?? 0;
    const needed = steps.reduce((sum, step) => sum + step, preStop) + MARGIN_SECONDS;
    const grace = one.pod.terminationGracePeriodSeconds ?? 30;
    if (needed <= grace) return [];
    return [
      `${one.name} needs ${needed} s to stop (${preStop} of preStop, then ${steps.join(' + ')}), and has ${grace}`,
    ];
  });
}

const MAX_CONNECTIONS = 'chat-cluster/postgres-max-connections';
/** For superusers, monitoring and somebody with psql. */
const RESERVED_CONNECTIONS = 10;

/** The pools of all pods there can be at once: scaled to the limit, in a rollout, with those that still stop. */
export function poolProblems(manifests: readonly Manifest[]): string[] {
  const [namespace] = ofKind(manifests, 'Namespace');
  const allowed = Number(namespace?.metadata.annotations?.[MAX_CONNECTIONS]) - RESERVED_CONNECTIONS;
  const pools = ROLES.map((role) => {
    const one = workload(manifests, role);
    const { max } = replicas(manifests, one);
    const grace = one.pod.terminationGracePeriodSeconds ?? 30;
    // A pod that stops counts no longer for the rollout, which goes on after minReadySeconds.
    const rounds = 1 + Math.ceil(grace / (one.manifest.spec.minReadySeconds ?? 1));
    return (max + surge(one, max) * rounds) * configOf(one).PG_POOL_SIZE;
  });
  const migration = 1;
  const sum = pools.reduce((total, pool) => total + pool, migration);
  if (sum <= allowed) return [];
  return [`gateways and workers may take ${pools.join(' + ')} connections; max_connections leaves ${allowed}`];
}

export function scalingProblems(manifests: readonly Manifest[]): string[] {
  const problems: string[] = [];
  const worker = workload(manifests, 'worker');
  const { LANES } = configOf(worker);
  const { max } = replicas(manifests, worker);
  if (max > LANES)
    problems.push(`there may be ${max} workers, but ${LANES} lanes: the others would have nothing to do`);

  for (const { metadata, spec } of ofKind<{ spec: DisruptionBudget }>(manifests, 'PodDisruptionBudget')) {
    const { min } = replicas(manifests, workload(manifests, metadata.name));
    const left = typeof spec.maxUnavailable === 'number' ? min - spec.maxUnavailable : Number.NaN;
    if (!(left >= 1)) problems.push(`the disruption budget of ${metadata.name} leaves ${left} of ${min}`);
  }
  for (const { metadata, spec } of ofKind<{ spec: ScaledObject }>(manifests, 'ScaledObject')) {
    const fallback = spec.fallback?.replicas ?? 0;
    if (fallback < (spec.minReplicaCount ?? 0)) problems.push(`${metadata.name} falls back to ${fallback}`);
  }
  return problems;
}

interface DisruptionBudget {
  maxUnavailable?: number | string;
}

interface ScaledObject {
  minReplicaCount?: number;
  fallback?: { replicas: number };
}

/** The README is where an operator learns which secrets to make. */
export function secretProblems(manifests: readonly Manifest[]): string[] {
  const readme = readFileSync(join(k8s, 'README.md'), 'utf8');
  return workloads(manifests).flatMap(({ name, secrets }) =>
    Object.values(secrets)
      .filter((secret) => !readme.includes(secret.name) || !readme.includes(secret.key))
      .map((secret) => `${name} takes ${secret.key} of the secret ${secret.name}, which the README does not name`),
  );
}

/** The label by which the README applies the migration before everything else. */
const OF_MIGRATION = 'app.kubernetes.io/component';

/** What the migration needs is applied with it. */
export function migrationProblems(manifests: readonly Manifest[]): string[] {
  const { manifest, pod } = workload(manifests, 'migrate');
  const applied = manifests
    .filter(({ metadata }) => metadata.labels?.[OF_MIGRATION] === 'migrate')
    .map((one) => nameOf(one));
  return [nameOf(manifest), `ServiceAccount ${pod.serviceAccountName}`, 'NetworkPolicy migrate', 'NetworkPolicy dns']
    .filter((needed) => !applied.includes(needed))
    .map((needed) => `${needed} is not applied with the migration`);
}
