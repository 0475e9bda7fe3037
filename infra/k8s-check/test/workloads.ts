import type { IContainer } from 'kubernetes-models/v1/Container';
import type { IPodTemplateSpec } from 'kubernetes-models/v1/PodTemplateSpec';
import { type Manifest, nameOf, ofKind } from './manifests.ts';

/** One of ours: what runs the image of this repository. */
export interface Workload {
  /** `gateway`, `worker` or `migrate`. */
  name: string;
  manifest: Manifest & { spec: WorkloadSpec };
  pod: NonNullable<IPodTemplateSpec['spec']>;
  labels: Record<string, string>;
  container: IContainer;
  /** Variables of the environment with their values: of config maps, and those given in place. */
  settings: Record<string, string>;
  /** Variables that come of secrets, with the secret and its key. */
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

/** Throws when there is none, or a second one. */
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

/** How many there are at least and at most, of the deployment or of what scales it. */
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
  if (scalers.length > 1) throw new Error(`${name} is scaled by two`);
  if (scaler && fixed !== undefined) throw new Error(`${nameOf(manifest)} has replicas, and something that scales it`);
  return scaler ?? { min: fixed ?? 1, max: fixed ?? 1 };
}

/** Pods above `of` while a rollout goes on; a percentage is rounded up. */
export function surge({ manifest }: Workload, of: number): number {
  const most = manifest.spec.strategy?.rollingUpdate?.maxSurge ?? '25%';
  return typeof most === 'number' ? most : Math.ceil((Number.parseInt(most, 10) / 100) * of);
}
