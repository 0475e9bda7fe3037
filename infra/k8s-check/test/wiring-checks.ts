import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import type { IContainer } from 'kubernetes-models/v1/Container';
import { type Manifest, nameOf, ofKind } from './manifests.ts';
import { OUR_IMAGE, podsOf, workloads } from './workloads.ts';

/*
 * What the manifests must agree on among each other. Each check returns what is wrong, a sentence each.
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

/** Every selector has pods; a port that is named exists on each of them. */
export function selectorProblems(manifests: readonly Manifest[]): string[] {
  const pods = allPods(manifests);
  return selectors(manifests).flatMap(({ of, selector, ports }) => {
    const selected = pods.filter(({ labels }) => selects(selector, labels));
    if (selected.length === 0) return [`${of} selects no pods`];
    return selected.flatMap((pod) =>
      ports.filter((port) => !pod.ports.includes(port)).map((port) => `${of}: ${pod.name} has no port ${port}`),
    );
  });
}

/** `ports`: those that are given by name. */
function selectors(manifests: readonly Manifest[]): { of: string; selector: Selector; ports: string[] }[] {
  const named = (ports: readonly (number | string | undefined)[]) => ports.filter((port) => typeof port === 'string');
  return [
    ...ofKind<{ spec: { selector: Record<string, string>; ports: { targetPort: number | string }[] } }>(
      manifests,
      'Service',
    ).map((one) => ({
      of: nameOf(one),
      selector: { matchLabels: one.spec.selector },
      ports: named(one.spec.ports.map(({ targetPort }) => targetPort)),
    })),
    ...ofKind<{ spec: { selector: Selector; podMetricsEndpoints: { port: string }[] } }>(manifests, 'PodMonitor').map(
      (one) => ({
        of: nameOf(one),
        selector: one.spec.selector,
        ports: one.spec.podMetricsEndpoints.map(({ port }) => port),
      }),
    ),
    ...ofKind<{ spec: { podSelector: Selector; ingress?: { ports?: { port?: number | string }[] }[] } }>(
      manifests,
      'NetworkPolicy',
    ).map((one) => ({
      of: nameOf(one),
      selector: one.spec.podSelector,
      ports: named((one.spec.ingress ?? []).flatMap(({ ports = [] }) => ports.map(({ port }) => port))),
    })),
    ...['PodDisruptionBudget', 'Deployment'].flatMap((kind) =>
      ofKind<{ spec: { selector: Selector } }>(manifests, kind).map((one) => ({
        of: nameOf(one),
        selector: one.spec.selector,
        ports: [],
      })),
    ),
    ...workloads(manifests).flatMap(({ pod, manifest }) =>
      (pod.topologySpreadConstraints ?? []).map(({ labelSelector }) => ({
        of: `a topology spread of ${nameOf(manifest)}`,
        selector: labelSelector as Selector,
        ports: [],
      })),
    ),
  ];
}

/** Probes and mounts lead somewhere; settings of ports are the ports of the container. */
export function containerProblems(manifests: readonly Manifest[]): string[] {
  return workloads(manifests).flatMap(({ name, container, pod, settings }) => {
    const ports = new Map((container.ports ?? []).map((port) => [port.name, port.containerPort]));
    const volumes = (pod.volumes ?? []).map((volume) => volume.name);
    return [
      ...probes(container)
        .filter((port) => !ports.has(port))
        .map((port) => `${name}: a probe asks the port ${port}, which there is not`),
      ...Object.entries({ http: 'PORT', admin: 'ADMIN_PORT' })
        .filter(([port, setting]) => ports.has(port) && String(ports.get(port)) !== settings[setting])
        .map(([port, setting]) => `${name}: ${port} is ${ports.get(port)}, but ${setting} is ${settings[setting]}`),
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

/** Liveness and start ask /healthz, which asks nobody; readiness asks /readyz. */
export function probeProblems(manifests: readonly Manifest[]): string[] {
  const expected = { startupProbe: '/healthz', livenessProbe: '/healthz', readinessProbe: '/readyz' } as const;
  return workloads(manifests)
    .filter(({ manifest }) => manifest.kind === 'Deployment')
    .flatMap(({ name, container }) =>
      Object.entries(expected)
        .filter(([probe, path]) => container[probe as keyof typeof expected]?.httpGet?.path !== path)
        .map(([probe, path]) => `${name}: ${probe} does not ask ${path}`),
    );
}

/** What an entry, a scaler or a policy refers to exists in the same overlay. */
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
    return refs.map((ref) => ({ of: nameOf(manifest), ...ref }));
  });
  return found.filter(({ kind, name }) => !exists(kind, name)).map(({ of, kind, name }) => `${of}: no ${kind} ${name}`);
}

/** Calls `see` with each object and the name of the field that it, or the list that it is in, stands in. */
function visit(value: unknown, see: (field: string, value: object) => void, field = ''): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const one of value) visit(one, see, field);
    return;
  }
  see(field, value);
  for (const [name, one] of Object.entries(value)) visit(one, see, name);
}

const METRIC = /\b(chat_[a-z_]+)\b/g;

/** Every metric that something scales by is registered in the code. */
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
        .map(([metric]) => `${nameOf(manifest)}: nothing registers ${metric}`),
    );
}

const MARKED = /[:@]/;

/** Each image is written once, in `images` of an overlay: the base has its bare name. */
export function imageProblems(manifests: readonly Manifest[]): string[] {
  const images = workloads(manifests).map(({ container }) => container.image ?? '');
  const [first = ''] = images;
  return [
    ...images.filter((image) => image !== first).map((image) => `there are two images: ${first} and ${image}`),
    ...(MARKED.test(first) && OUR_IMAGE.test(first) ? [] : [`the image ${first} has neither a tag nor a digest`]),
  ];
}
