import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import type { IContainer } from 'kubernetes-models/v1/Container';
import { type Manifest, nameOf, ofKind } from './manifests.ts';
import { OUR_IMAGE, podsOf, workloads } from './workloads.ts';

/*
 * Checks that compare the manifests with each other: selectors, ports, references, metrics. Each returns its problems,
 * one sentence per problem.
 */

interface Selector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Record<string, string>): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values }) => operator === 'In' && values?.includes(labels[key] ?? ''))
  );
}

interface Pods {
  name: string;
  labels: Record<string, string>;
  ports: string[];
}

function allPods(manifests: readonly Manifest[]): Pods[] {
  return podsOf(manifests).map(({ metadata, spec }) => ({
    name: metadata.name,
    labels: spec.template.metadata?.labels ?? {},
    ports: (spec.template.spec?.containers ?? []).flatMap(({ ports = [] }) => ports.map(({ name }) => name ?? '')),
  }));
}

/** Every selector selects pods, and each of them has the ports that are referred to by name. */
export function selectorProblems(manifests: readonly Manifest[]): string[] {
  const pods = allPods(manifests);
  return selectors(manifests).flatMap(({ owner, selector, ports }) => {
    const selected = pods.filter(({ labels }) => selects(selector, labels));
    if (selected.length === 0) return [`${owner} selects no pods`];
    return selected.flatMap((pod) =>
      ports.filter((port) => !pod.ports.includes(port)).map((port) => `${owner}: ${pod.name} has no port ${port}`),
    );
  });
}

/** All selectors, with the ports that their objects refer to by name. */
function selectors(manifests: readonly Manifest[]): { owner: string; selector: Selector; ports: string[] }[] {
  const named = (ports: readonly (number | string | undefined)[]) => ports.filter((port) => typeof port === 'string');
  return [
    ...ofKind<{ spec: { selector: Record<string, string>; ports: { targetPort: number | string }[] } }>(
      manifests,
      'Service',
    ).map((one) => ({
      owner: nameOf(one),
      selector: { matchLabels: one.spec.selector },
      ports: named(one.spec.ports.map(({ targetPort }) => targetPort)),
    })),
    ...ofKind<{ spec: { selector: Selector; podMetricsEndpoints: { port: string }[] } }>(manifests, 'PodMonitor').map(
      (one) => ({
        owner: nameOf(one),
        selector: one.spec.selector,
        ports: one.spec.podMetricsEndpoints.map(({ port }) => port),
      }),
    ),
    ...ofKind<{ spec: { podSelector: Selector; ingress?: { ports?: { port?: number | string }[] }[] } }>(
      manifests,
      'NetworkPolicy',
    ).map((one) => ({
      owner: nameOf(one),
      selector: one.spec.podSelector,
      ports: named((one.spec.ingress ?? []).flatMap(({ ports = [] }) => ports.map(({ port }) => port))),
    })),
    ...['PodDisruptionBudget', 'Deployment'].flatMap((kind) =>
      ofKind<{ spec: { selector: Selector } }>(manifests, kind).map((one) => ({
        owner: nameOf(one),
        selector: one.spec.selector,
        ports: [],
      })),
    ),
    ...workloads(manifests).flatMap(({ pod, manifest }) =>
      (pod.topologySpreadConstraints ?? []).map(({ labelSelector }) => ({
        owner: `a topology spread of ${nameOf(manifest)}`,
        selector: labelSelector as Selector,
        ports: [],
      })),
    ),
  ];
}

/** Probes use existing ports, mounts existing volumes, and the settings of ports and files match the container. */
export function containerProblems(manifests: readonly Manifest[]): string[] {
  return workloads(manifests).flatMap(({ name, container, pod, settings }) => {
    const ports = new Map((container.ports ?? []).map((port) => [port.name, port.containerPort]));
    const volumes = (pod.volumes ?? []).map((volume) => volume.name);
    return [
      ...probes(container)
        .filter((port) => !ports.has(port))
        .map((port) => `${name}: a probe uses the port ${port}, which does not exist`),
      ...Object.entries({ http: 'PORT', admin: 'ADMIN_PORT' })
        .filter(([port, setting]) => ports.has(port) && String(ports.get(port)) !== settings[setting])
        .map(([port, setting]) => `${name}: ${port} is ${ports.get(port)}, but ${setting} is ${settings[setting]}`),
      ...Object.entries(settings)
        .filter(([setting]) => setting.endsWith('_FILE'))
        .filter(([, file]) => !container.volumeMounts?.some(({ mountPath }) => file.startsWith(`${mountPath}/`)))
        .map(([setting, file]) => `${name}: ${setting} is ${file}, which is not mounted`),
      ...(container.volumeMounts ?? [])
        .filter((mount) => !volumes.includes(mount.name))
        .map((mount) => `${name}: there is no volume ${mount.name}`),
    ];
  });
}

function probes({ startupProbe, livenessProbe, readinessProbe }: IContainer): string[] {
  return [startupProbe, livenessProbe, readinessProbe].flatMap((probe) =>
    probe?.httpGet ? [String(probe.httpGet.port)] : [],
  );
}

/** Liveness and start-up probe /healthz, which contacts neither Redis nor Postgres; readiness probes /readyz. */
export function probeProblems(manifests: readonly Manifest[]): string[] {
  const expected = { startupProbe: '/healthz', livenessProbe: '/healthz', readinessProbe: '/readyz' } as const;
  return workloads(manifests)
    .filter(({ manifest }) => manifest.kind === 'Deployment')
    .flatMap(({ name, container }) =>
      Object.entries(expected)
        .filter(([probe, path]) => container[probe as keyof typeof expected]?.httpGet?.path !== path)
        .map(([probe, path]) => `${name}: ${probe} does not request ${path}`),
    );
}

/** Every object that an entry, an autoscaler or a policy refers to exists in the same overlay. */
export function referenceProblems(manifests: readonly Manifest[]): string[] {
  const exists = (kind: string, name: string) =>
    manifests.some((one) => one.kind === kind && one.metadata.name === name);
  const text = (value: unknown) => JSON.stringify(value);
  const found = manifests.flatMap((manifest) => {
    const refs: { kind: string; name: string }[] = [];
    visit(manifest, (field, value) => {
      const { name, kind } = value as { name?: string; kind?: string };
      if (name === undefined) return;
      if (field === 'scaleTargetRef') refs.push({ kind: 'Deployment', name });
      if (field === 'parentRefs') refs.push({ kind: 'Gateway', name });
      if (field === 'targetRefs') refs.push({ kind: kind ?? '', name });
      if (field === 'service' || field === 'backendRefs') refs.push({ kind: 'Service', name });
      if (field === 'services' && kind === undefined) refs.push({ kind: 'Service', name });
      if (field === 'middlewares') refs.push({ kind: 'Middleware', name });
    });
    const account = /"serviceAccountName":"([^"]+)"/.exec(text(manifest))?.[1];
    if (account !== undefined) refs.push({ kind: 'ServiceAccount', name: account });
    return refs.map((ref) => ({ owner: nameOf(manifest), ...ref }));
  });
  return found
    .filter(({ kind, name }) => !exists(kind, name))
    .map(({ owner, kind, name }) => `${owner}: no ${kind} ${name}`);
}

/** Calls `onObject` with each object, and the name of the field that holds it or the list that it is in. */
function visit(value: unknown, onObject: (field: string, value: object) => void, field = ''): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const one of value) visit(one, onObject, field);
    return;
  }
  onObject(field, value);
  for (const [name, one] of Object.entries(value)) visit(one, onObject, name);
}

const METRIC = /\b(chat_[a-z_]+)\b/g;

/** Every metric that an autoscaler uses is registered in the code. */
export function metricProblems(manifests: readonly Manifest[]): string[] {
  const registered = new Set(
    globSync(['packages/*/src/**/*.ts', 'services/*/src/**/*.ts'], { cwd: repository }).flatMap((file) =>
      [...readFileSync(join(repository, file), 'utf8').matchAll(/name: '(chat_[a-z_]+)'/g)].map(([, name]) => name),
    ),
  );
  return manifests
    .filter(({ kind }) => kind === 'HorizontalPodAutoscaler' || kind === 'ScaledObject')
    .flatMap((manifest) =>
      [...JSON.stringify(manifest).matchAll(METRIC)]
        .filter(([metric]) => !registered.has(metric))
        .map(([metric]) => `${nameOf(manifest)}: no service registers ${metric}`),
    );
}

const TAG_OR_DIGEST = /[:@]/;

/** All workloads use the same image, and an overlay sets its tag or digest. */
export function imageProblems(manifests: readonly Manifest[]): string[] {
  const images = workloads(manifests).map(({ container }) => container.image ?? '');
  const [first = ''] = images;
  return [
    ...images.filter((image) => image !== first).map((image) => `two different images: ${first} and ${image}`),
    ...(TAG_OR_DIGEST.test(first) && OUR_IMAGE.test(first)
      ? []
      : [`the image ${first} has neither a tag nor a digest`]),
  ];
}
