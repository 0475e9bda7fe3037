import type { IContainer } from 'kubernetes-models/v1/Container';
import type { IPodTemplateSpec } from 'kubernetes-models/v1/PodTemplateSpec';
import { type Manifest, nameOf, ofKind } from './manifests.ts';

/** A deployment or job that runs the image of this repository. */
export interface Workload {
  /** `gateway`, `worker`, `prober` or `migrate`. */
  name: string;
  manifest: Manifest & { spec: WorkloadSpec };
  pod: NonNullable<IPodTemplateSpec['spec']>;
  labels: Record<string, string>;
  container: IContainer;
  /** Environment variables with their values, from config maps and from the container itself. */
  settings: Record<string, string>;
  /** Environment variables that come from secrets, with the secret and its key. */
  secrets: Record<string, { name: string; key: string }>;
}

interface WorkloadSpec {
  template: IPodTemplateSpec;
  replicas?: number;
  minReadySeconds?: number;
  strategy?: { rollingUpdate?: { maxSurge?: number | string; maxUnavailable?: number | string } };
  selector?: { matchLabels?: Record<string, string> };
}

export const OUR_IMAGE = /(^|\/)chat-cluster(:|@|$)/;

export function podsOf(manifests: readonly Manifest[]): (Manifest & { spec: WorkloadSpec })[] {
  return ['Deployment', 'Job'].flatMap((kind) => ofKind<{ spec: WorkloadSpec }>(manifests, kind));
}

export function workloads(manifests: readonly Manifest[]): Workload[] {
  return podsOf(manifests).flatMap((manifest) => {
    const { spec: pod, metadata } = manifest.spec.template;
    const container = pod?.containers.find(({ image }) => OUR_IMAGE.test(image ?? ''));
    if (!pod || !container) return [];
    const { name } = manifest.metadata;
    return { name, manifest, pod, labels: metadata?.labels ?? {}, container, ...environment(manifests, container) };
  });
}

/** The workload with this name. Throws unless there is exactly one. */
export function workload(manifests: readonly Manifest[], name: string): Workload {
  const [found, ...others] = workloads(manifests).filter((one) => one.name === name);
  if (!found || others.length > 0) throw new Error(`there is not exactly one workload ${name}`);
  return found;
}

function environment(manifests: readonly Manifest[], { env = [], envFrom = [] }: IContainer) {
  const settings: Workload['settings'] = {};
  const secrets: Workload['secrets'] = {};
  for (const { configMapRef } of envFrom) {
    const map = ofKind(manifests, 'ConfigMap').find(({ metadata }) => metadata.name === configMapRef?.name);
    if (!map) throw new Error(`there is no config map ${configMapRef?.name}`);
    Object.assign(settings, map.data);
  }
  for (const { name, value, valueFrom } of env) {
    const secret = valueFrom?.secretKeyRef;
    if (secret) secrets[name] = { name: secret.name ?? '', key: secret.key };
    else settings[name] = value ?? '';
  }
  return { settings, secrets };
}

/** Smallest and largest number of pods, from the deployment or from its autoscaler. */
export function replicas(manifests: readonly Manifest[], { name, manifest }: Workload): { min: number; max: number } {
  const scalers = [
    ...ofKind<{ spec: { scaleTargetRef: { name: string }; minReplicas?: number; maxReplicas: number } }>(
      manifests,
      'HorizontalPodAutoscaler',
    ).map(({ spec }) => ({ target: spec.scaleTargetRef.name, min: spec.minReplicas ?? 1, max: spec.maxReplicas })),
    ...ofKind<{ spec: { scaleTargetRef: { name: string }; minReplicaCount?: number; maxReplicaCount?: number } }>(
      manifests,
      'ScaledObject',
    ).map(({ spec }) => ({
      target: spec.scaleTargetRef.name,
      min: spec.minReplicaCount ?? 0,
      max: spec.maxReplicaCount ?? 100,
    })),
  ].filter(({ target }) => target === name);
  const [scaler] = scalers;
  const fixed = manifest.spec.replicas;
  if (scalers.length > 1) throw new Error(`${name} has two autoscalers`);
  if (scaler && fixed !== undefined) throw new Error(`${nameOf(manifest)} has both replicas and an autoscaler`);
  return scaler ?? { min: fixed ?? 1, max: fixed ?? 1 };
}

/** Additional pods during a rollout of `count` pods; a percentage is rounded up. */
export function surge({ manifest }: Workload, count: number): number {
  const maxSurge = manifest.spec.strategy?.rollingUpdate?.maxSurge ?? '25%';
  return typeof maxSurge === 'number' ? maxSurge : Math.ceil((Number.parseInt(maxSurge, 10) / 100) * count);
}
