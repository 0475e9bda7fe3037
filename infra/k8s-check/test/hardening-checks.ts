import type { IContainer } from 'kubernetes-models/v1/Container';
import type { IPodTemplateSpec } from 'kubernetes-models/v1/PodTemplateSpec';
import { type Manifest, nameOf, ofKind } from './manifests.ts';
import { podsOf } from './workloads.ts';

/*
 * What keeps a pod that was taken over from doing more harm. Each check returns what is wrong, a sentence each.
 */

export function hardeningProblems(manifests: readonly Manifest[]): string[] {
  return podsOf(manifests).flatMap((manifest) => {
    const pod: Partial<NonNullable<IPodTemplateSpec['spec']>> = manifest.spec.template.spec ?? {};
    const context = pod.securityContext;
    const expected = {
      'runs as a user with a number': Number(context?.runAsUser) > 0 && context?.runAsNonRoot === true,
      'has the seccomp profile of the runtime': context?.seccompProfile?.type === 'RuntimeDefault',
      'has no token of Kubernetes': pod.automountServiceAccountToken === false,
      'takes no variables of services': pod.enableServiceLinks === false,
    };
    return [
      ...missing(nameOf(manifest), expected),
      ...(pod.containers ?? []).flatMap((container) => ofContainer(nameOf(manifest), container)),
    ];
  });
}

function ofContainer(of: string, { name, securityContext, resources }: IContainer): string[] {
  return missing(`${of}, ${name}`, {
    'has a root file system that is read-only': securityContext?.readOnlyRootFilesystem === true,
    'gains no rights': securityContext?.allowPrivilegeEscalation === false,
    'has no capabilities': securityContext?.capabilities?.drop?.includes('ALL') === true,
    'has reserved the memory that it may take':
      resources?.limits?.memory !== undefined && resources.limits.memory === resources.requests?.memory,
    'has reserved CPU': resources?.requests?.cpu !== undefined,
  });
}

function missing(of: string, expected: Record<string, boolean>): string[] {
  return Object.entries(expected)
    .filter(([, holds]) => !holds)
    .map(([what]) => `not so: ${of} ${what}`);
}

const SECRET_NAME = /SECRET|PASSWORD|URLS?$/;
const CREDENTIALS = /:\/\/[^/\s]*:[^/\s]*@/;

/** Secrets are made outside and referred to; none stands in a manifest. */
export function inlineSecretProblems(manifests: readonly Manifest[]): string[] {
  const given = [
    ...ofKind(manifests, 'ConfigMap').flatMap(({ data = {} }) => Object.entries(data)),
    ...podsOf(manifests)
      .flatMap(({ spec }) => spec.template.spec?.containers ?? [])
      .flatMap(({ env = [] }) => env.filter(({ value }) => value).map(({ name, value }) => [name, value] as const)),
  ];
  return [
    ...ofKind(manifests, 'Secret').map((secret) => `${nameOf(secret)} stands in the manifests`),
    ...given
      .filter(([name, value]) => SECRET_NAME.test(name) || CREDENTIALS.test(value ?? ''))
      .map(([name]) => `${name} is given in place`),
  ];
}

interface Policy {
  podSelector: { matchLabels?: Record<string, string> };
  policyTypes: string[];
  ingress?: unknown[];
  egress?: unknown[];
}

/** Whatever no policy allows is refused, in both directions. */
export function networkProblems(manifests: readonly Manifest[]): string[] {
  const denies = ofKind<{ spec: Policy }>(manifests, 'NetworkPolicy').some(
    ({ spec }) =>
      Object.keys(spec.podSelector).length === 0 &&
      spec.policyTypes.length === 2 &&
      spec.ingress === undefined &&
      spec.egress === undefined,
  );
  return denies ? [] : ['no network policy refuses everything by default'];
}
