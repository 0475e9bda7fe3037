import { Gateway } from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/Gateway';
import { HTTPRoute } from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/HTTPRoute';
import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject';
import { PodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor';
import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule';
import { IngressRoute } from '@kubernetes-models/traefik/traefik.io/v1alpha1/IngressRoute';
import { Middleware } from '@kubernetes-models/traefik/traefik.io/v1alpha1/Middleware';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler';
import { Job } from 'kubernetes-models/batch/v1/Job';
import { Ingress } from 'kubernetes-models/networking.k8s.io/v1/Ingress';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Namespace } from 'kubernetes-models/v1/Namespace';
import { Service } from 'kubernetes-models/v1/Service';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import { z } from 'zod';
import { type Manifest, nameOf } from './manifests.ts';

const MODELS = [
  ConfigMap,
  Deployment,
  Gateway,
  HorizontalPodAutoscaler,
  HTTPRoute,
  Ingress,
  IngressRoute,
  Job,
  Middleware,
  Namespace,
  NetworkPolicy,
  PodDisruptionBudget,
  PodMonitor,
  PrometheusRule,
  ScaledObject,
  Service,
  ServiceAccount,
];

// No package has the schema of Envoy Gateway's BackendTrafficPolicy. This is the part of it that the manifests use.
const duration = z.string().regex(/^([0-9]{1,5}(h|m|s|ms)){1,4}$/);
const count = z.int().min(0).max(4_294_967_295);
const backendTrafficPolicy = z.strictObject({
  apiVersion: z.literal('gateway.envoyproxy.io/v1alpha1'),
  kind: z.literal('BackendTrafficPolicy'),
  metadata: z.object({ name: z.string() }),
  spec: z.strictObject({
    targetRefs: z.array(
      z.strictObject({ group: z.literal('gateway.networking.k8s.io'), kind: z.string(), name: z.string() }),
    ),
    loadBalancer: z.strictObject({
      type: z.literal('ConsistentHash'),
      consistentHash: z.strictObject({
        type: z.literal('Cookie'),
        cookie: z.strictObject({
          name: z.string().min(1),
          ttl: duration.optional(),
          attributes: z.record(z.string(), z.string()).optional(),
        }),
      }),
    }),
    circuitBreaker: z.strictObject({ maxConnections: count, maxParallelRequests: count, maxPendingRequests: count }),
    timeout: z.strictObject({
      tcp: z.strictObject({ connectTimeout: duration }),
      http: z.strictObject({ connectionIdleTimeout: duration }),
    }),
  }),
});

/** Compares a manifest with the schema of its kind. Returns invalid values and unknown fields. */
export function schemaProblems(manifest: Manifest): string[] {
  const { apiVersion, kind } = manifest;
  if (kind === 'BackendTrafficPolicy') {
    const { error } = backendTrafficPolicy.safeParse(manifest);
    return error ? [`${nameOf(manifest)}: ${z.prettifyError(error)}`] : [];
  }
  const model = MODELS.find((one) => one.apiVersion === apiVersion && one.kind === kind);
  if (!model) return [`${nameOf(manifest)}: there is no schema for ${apiVersion} ${kind}`];
  const read = new Set<string>();
  try {
    model.prototype.validate.call(recorded(manifest, '', read));
  } catch (error) {
    return [`${nameOf(manifest)}: ${error instanceof Error ? error.message : String(error)}`];
  }
  return unread(manifest, '', read).map((path) => `${nameOf(manifest)}: unknown field ${path}`);
}

/**
 * A proxy of the value that adds the path of each field that is read to `read`. A validator reads all fields of its
 * schema and no others, so a field that it did not read is unknown. The API server would silently drop such a field.
 */
function recorded<T extends object>(value: T, path: string, read: Set<string>): T {
  return new Proxy(value, {
    get(target, key) {
      const field: unknown = Reflect.get(target, key);
      if (typeof key === 'symbol') return field;
      const at = `${path}/${key}`;
      read.add(at);
      return typeof field === 'object' && field !== null ? recorded(field, at, read) : field;
    },
  });
}

function unread(value: unknown, path: string, read: ReadonlySet<string>): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, field]) => {
    const at = `${path}/${key}`;
    return read.has(at) ? unread(field, at, read) : [at];
  });
}
