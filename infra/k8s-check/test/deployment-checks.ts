import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig as loadGatewayConfig } from '@chat-cluster/gateway/config';
import { loadConfig as loadProberConfig } from '@chat-cluster/prober/config';
import { redisServers } from '@chat-cluster/runtime';
import { loadConfig as loadWorkerConfig } from '@chat-cluster/worker/config';
import { k8s, type Manifest, nameOf, ofKind } from './manifests.ts';
import { replicas, surge, type Workload, workload, workloads } from './workloads.ts';

/*
 * Checks that compare the manifests with the services: settings, time to stop, connections. Each returns its problems,
 * one sentence per problem.
 */

/** Values of secrets, of the form that k8s/README.md describes. */
const SECRETS: Record<string, string> = {
  DATABASE_URL: 'postgres://chat:secret@postgres.internal:5432/chat',
  REDIS_URL: 'redis://:secret@redis.internal:6379',
  REDIS_PUBSUB_URL: 'redis+cluster://:secret@pubsub-1.internal:6379,pubsub-2.internal:6379',
  REDIS_QUEUE_URLS: 'redis://:secret@queue-1.internal:6379,redis://:secret@queue-2.internal:6379',
  REDIS_CACHE_URL: 'redis://:secret@cache.internal:6379',
  ADMIN_TOKEN: 'a token of the administrators of this cluster',
  JWT_SECRET: 'a secret of thirty-two characters or more',
};

/** Variables that Node reads. */
const NODE_VARIABLES = ['NODE_OPTIONS'];

function environmentOf({ settings, secrets }: Workload): NodeJS.ProcessEnv {
  return { ...settings, ...Object.fromEntries(Object.keys(secrets).map((key) => [key, SECRETS[key]])) };
}

function configOf(one: Workload) {
  return one.name === 'gateway' ? loadGatewayConfig(environmentOf(one)) : loadWorkerConfig(environmentOf(one));
}

const KINDS = ['gateway', 'worker'];

/** Gateways and workers, and the prober where there is one. */
function services(manifests: readonly Manifest[]): Workload[] {
  const prober = workloads(manifests).filter(({ name }) => name === 'prober');
  return [...KINDS.map((kind) => workload(manifests, kind)), ...prober];
}

/** Each service accepts its settings, and reads all variables that are set. */
export function settingsProblems(manifests: readonly Manifest[]): string[] {
  return services(manifests).flatMap((one) => {
    try {
      const config = one.name === 'prober' ? loadProberConfig(environmentOf(one)) : configOf(one);
      if ('LANES' in config) redisServers(config);
      const unknown = [...Object.keys(one.settings), ...Object.keys(one.secrets)].filter(
        (name) => !(name in config) && !NODE_VARIABLES.includes(name),
      );
      return unknown.map((name) => `${name} is not a setting of ${one.name}`);
    } catch (error) {
      return [`${one.name}: ${String(error)}`];
    }
  });
}

/** Gateways and workers have equal values, set or by default. */
export function agreementProblems(manifests: readonly Manifest[]): string[] {
  const [gateway, worker] = KINDS.map((kind) => configOf(workload(manifests, kind)));
  return (['LANES', 'CLUSTER_NAME', 'REDIS_ADAPTER', 'NODE_ENV'] as const).flatMap((name) =>
    gateway?.[name] === worker?.[name]
      ? []
      : [`${name} is ${gateway?.[name]} for gateways, ${worker?.[name]} for workers`],
  );
}

/** Settings with the longest time of each step of a stop, in ms. */
const STOP_STEPS = ['DRAIN_DELAY_MS', 'DRAIN_WINDOW_MS', 'SHUTDOWN_TIMEOUT_MS'];
/** Time between the steps, on a machine that is busy with the same rollout. */
const MARGIN_SECONDS = 10;

/** The grace period of each pod is longer than its stop. */
export function graceProblems(manifests: readonly Manifest[]): string[] {
  return services(manifests).flatMap((one) => {
    const config = one.name === 'prober' ? loadProberConfig(environmentOf(one)) : configOf(one);
    const settings = Object.entries(config).filter(([name]) => STOP_STEPS.includes(name));
    const steps = settings.map(([, ms]) => Number(ms) / 1_000);
    const preStop = one.container.lifecycle?.preStop?.sleep?.seconds ?? 0;
    const needed = steps.reduce((sum, step) => sum + step, preStop) + MARGIN_SECONDS;
    const grace = one.pod.terminationGracePeriodSeconds ?? 30;
    if (needed <= grace) return [];
    return [
      `${one.name} needs ${needed} s to stop (preStop ${preStop}, then ${steps.join(' + ')}, margin ${MARGIN_SECONDS}), but has ${grace} s`,
    ];
  });
}

const MAX_CONNECTIONS = 'chat-cluster/postgres-max-connections';
/** Connections for superusers, monitoring and psql. */
const RESERVED_CONNECTIONS = 10;

/** max_connections suffices for all pods that can exist at once: fully scaled, in a rollout, with stopping pods. */
export function poolProblems(manifests: readonly Manifest[]): string[] {
  const [namespace] = ofKind(manifests, 'Namespace');
  const allowed = Number(namespace?.metadata.annotations?.[MAX_CONNECTIONS]) - RESERVED_CONNECTIONS;
  const pools = KINDS.map((kind) => {
    const one = workload(manifests, kind);
    const { max } = replicas(manifests, one);
    const grace = one.pod.terminationGracePeriodSeconds ?? 30;
    // A rollout does not wait for pods that stop: it starts its next round after minReadySeconds.
    const rounds = 1 + Math.ceil(grace / (one.manifest.spec.minReadySeconds ?? 1));
    return (max + surge(one, max) * rounds) * configOf(one).PG_POOL_SIZE;
  });
  const migration = 1;
  const sum = pools.reduce((total, pool) => total + pool, migration);
  if (sum <= allowed) return [];
  return [`gateways and workers may open ${pools.join(' + ')} connections, but max_connections leaves ${allowed}`];
}

/** No worker is without a lane; draining nodes, and KEDA's fallback, leave enough pods. */
export function scalingProblems(manifests: readonly Manifest[]): string[] {
  const problems: string[] = [];
  const worker = workload(manifests, 'worker');
  const { LANES } = configOf(worker);
  const { max } = replicas(manifests, worker);
  if (max > LANES) problems.push(`${LANES} lanes for up to ${max} workers: a worker without a lane has no work`);

  for (const { metadata, spec } of ofKind<{ spec: DisruptionBudget }>(manifests, 'PodDisruptionBudget')) {
    const { min } = replicas(manifests, workload(manifests, metadata.name));
    const left = typeof spec.maxUnavailable === 'number' ? min - spec.maxUnavailable : Number.NaN;
    if (!(left >= 1)) problems.push(`the disruption budget of ${metadata.name} leaves ${left} of ${min}`);
  }
  for (const { metadata, spec } of ofKind<{ spec: ScaledObject }>(manifests, 'ScaledObject')) {
    const fallback = spec.fallback?.replicas ?? 0;
    if (fallback < (spec.minReplicaCount ?? 0))
      problems.push(`${metadata.name} falls back to ${fallback} pods, less than its minimum`);
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

/** Kinds of objects through which clients reach the gateways; each is a proxy that adds to X-Forwarded-For. */
const ENTRIES = ['Gateway', 'Ingress', 'IngressRoute'];

/** Gateways trust as many addresses in X-Forwarded-For as there are proxies, and none of a client without a proxy. */
export function hopProblems(manifests: readonly Manifest[]): string[] {
  const { TRUSTED_HOPS } = loadGatewayConfig(environmentOf(workload(manifests, 'gateway')));
  const proxies = manifests.some(({ kind }) => ENTRIES.includes(kind)) ? 1 : 0;
  if (TRUSTED_HOPS === proxies) return [];
  return [`TRUSTED_HOPS is ${TRUSTED_HOPS}, but there is ${proxies === 1 ? 'one proxy' : 'no proxy'}`];
}

/**
 * Memory of a gateway without clients, of an idle connection, and of garbage, in bytes (infra/README.md has the
 * measurements, infra/OPERATE.md the sum).
 */
const MEMORY = { process: 150e6, connection: 14e3, garbage: 100e6 };
/** Shares of the memory limit: the heap of Node, and what a gateway at all its limits may need. */
const SHARES = { heap: 0.75, full: 0.85 };

/** The heap fits the memory limit of its pod, and so does a gateway whose sockets and unread output are at their limits. */
export function memoryProblems(manifests: readonly Manifest[]): string[] {
  return services(manifests).flatMap((one) => {
    const limit = bytesOf(one.container.resources?.limits?.memory);
    const heap = Number(/--max-old-space-size=(\d+)/.exec(one.settings.NODE_OPTIONS ?? '')?.[1] ?? 0) * 2 ** 20;
    const problems =
      heap > SHARES.heap * limit ? [`${one.name}: the heap is more than three quarters of the memory`] : [];
    if (one.name !== 'gateway') return problems;
    const { MAX_CONNECTIONS, UNREAD_MAX_BYTES } = loadGatewayConfig(environmentOf(one));
    const full = MEMORY.process + MAX_CONNECTIONS * MEMORY.connection + UNREAD_MAX_BYTES + MEMORY.garbage;
    if (full <= SHARES.full * limit) return problems;
    const [needed, has] = [full, limit].map((bytes) => `${Math.round(bytes / 1e6)} MB`);
    return [...problems, `a full gateway needs ${needed} of ${has}: MAX_CONNECTIONS or UNREAD_MAX_BYTES is too large`];
  });
}

function bytesOf(quantity: unknown): number {
  const [, amount, unit] = /^(\d+)(Mi|Gi)$/.exec(String(quantity)) ?? [];
  return Number(amount) * (unit === 'Gi' ? 2 ** 30 : 2 ** 20);
}

/** The README, which lists the secrets to create, mentions each secret that a pod reads. */
export function secretProblems(manifests: readonly Manifest[]): string[] {
  const readme = readFileSync(join(k8s, 'README.md'), 'utf8');
  return workloads(manifests).flatMap(({ name, secrets, pod }) =>
    [...Object.values(secrets), ...mountedSecrets(pod)]
      .filter((secret) => !readme.includes(secret.name) || !readme.includes(secret.key))
      .map((secret) => `${name} reads ${secret.key} of the secret ${secret.name}, which the README does not mention`),
  );
}

function mountedSecrets({ volumes = [] }: Workload['pod']): { name: string; key: string }[] {
  return volumes.flatMap(({ secret }) => {
    if (!secret) return [];
    const { secretName: name = '', items = [] } = secret;
    return items.length === 0 ? [{ name, key: name }] : items.map(({ key }) => ({ name, key }));
  });
}

/** Label of the objects that the README applies first, with the migration. */
const MIGRATION_LABEL = 'app.kubernetes.io/component';

/** The migration is applied together with all objects that it needs. */
export function migrationProblems(manifests: readonly Manifest[]): string[] {
  const { manifest, pod } = workload(manifests, 'migrate');
  const applied = manifests
    .filter(({ metadata }) => metadata.labels?.[MIGRATION_LABEL] === 'migrate')
    .map((one) => nameOf(one));
  return [nameOf(manifest), `ServiceAccount ${pod.serviceAccountName}`, 'NetworkPolicy migrate', 'NetworkPolicy dns']
    .filter((needed) => !applied.includes(needed))
    .map((needed) => `${needed} is not applied with the migration`);
}
