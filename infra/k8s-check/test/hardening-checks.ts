import type { IContainer } from 'kubernetes-models/v1/Container';
import type { IPodTemplateSpec } from 'kubernetes-models/v1/PodTemplateSpec';
import { type Manifest, nameOf, ofKind } from './manifests.ts';
import { podsOf, workloads } from './workloads.ts';

/*
 * Checks that limit what an attacker could do from inside a pod. Each returns its problems, one sentence per problem.
 */

/** Pods and containers run without privileges, and with reserved memory and CPU. */
export function hardeningProblems(manifests: readonly Manifest[]): string[] {
  return podsOf(manifests).flatMap((manifest) => {
    const pod: Partial<NonNullable<IPodTemplateSpec['spec']>> = manifest.spec.template.spec ?? {};
    const context = pod.securityContext;
    const expected = {
      'a numeric user other than root': Number(context?.runAsUser) > 0 && context?.runAsNonRoot === true,
      'the seccomp profile RuntimeDefault': context?.seccompProfile?.type === 'RuntimeDefault',
      'no Kubernetes token': pod.automountServiceAccountToken === false,
      'no environment variables for services': pod.enableServiceLinks === false,
    };
    return [
      ...missing(nameOf(manifest), expected),
      ...(pod.containers ?? []).flatMap((container) => containerProblems(nameOf(manifest), container)),
    ];
  });
}

function containerProblems(owner: string, { name, securityContext, resources }: IContainer): string[] {
  return missing(`${owner}, ${name}`, {
    'a read-only root file system': securityContext?.readOnlyRootFilesystem === true,
    'no privilege escalation': securityContext?.allowPrivilegeEscalation === false,
    'no capabilities': securityContext?.capabilities?.drop?.includes('ALL') === true,
    'a memory request that equals its limit':
      resources?.limits?.memory !== undefined && resources.limits.memory === resources.requests?.memory,
    'a CPU request': resources?.requests?.cpu !== undefined,
  });
}

function missing(owner: string, expected: Record<string, boolean>): string[] {
  return Object.entries(expected)
    .filter(([, holds]) => !holds)
    .map(([property]) => `${owner} must have ${property}`);
}

/** The URLs of a key set, and those that the chat page opens, are public. */
const SECRET_NAME = /SECRET|PASSWORD|ADMIN_TOKEN|(?<!JWKS_|\bTOKEN_|SIGN_IN_)URLS?$/;
const CREDENTIALS = /:\/\/[^/\s]*:[^/\s]*@/;

/** Manifests refer to secrets that are created elsewhere; they contain none. */
export function inlineSecretProblems(manifests: readonly Manifest[]): string[] {
  const values = [
    ...ofKind(manifests, 'ConfigMap').flatMap(({ data = {} }) => Object.entries(data)),
    ...podsOf(manifests)
      .flatMap(({ spec }) => spec.template.spec?.containers ?? [])
      .flatMap(({ env = [] }) => env.filter(({ value }) => value).map(({ name, value }) => [name, value] as const)),
  ];
  return [
    ...ofKind(manifests, 'Secret').map((secret) => `the manifests contain ${nameOf(secret)}`),
    ...values
      .filter(([name, value]) => SECRET_NAME.test(name) || CREDENTIALS.test(value ?? ''))
      .map(([name]) => `the manifests contain the value of ${name}`),
  ];
}

/** Secret with public keys, which grants nothing. */
const PUBLIC = 'chat-public-keys';

/** A process reads the secret with its own name only: an attacker in one pod does not get the rights of another. */
export function foreignSecretProblems(manifests: readonly Manifest[]): string[] {
  return workloads(manifests).flatMap(({ name, secrets, pod }) => {
    const read = [
      ...Object.values(secrets).map((secret) => secret.name),
      ...(pod.volumes ?? []).flatMap(({ secret }) => secret?.secretName ?? []),
    ];
    return [...new Set(read)]
      .filter((secret) => secret !== `chat-${name}` && secret !== PUBLIC)
      .map((secret) => `${name} reads ${secret}, which is not its own secret`);
  });
}

interface Policy {
  podSelector: { matchLabels?: Record<string, string> };
  policyTypes: string[];
  ingress?: unknown[];
  egress?: unknown[];
}

/** A policy denies all traffic, in both directions, that no other policy allows. */
export function networkProblems(manifests: readonly Manifest[]): string[] {
  const denies = ofKind<{ spec: Policy }>(manifests, 'NetworkPolicy').some(
    ({ spec }) =>
      Object.keys(spec.podSelector).length === 0 &&
      spec.policyTypes.length === 2 &&
      spec.ingress === undefined &&
      spec.egress === undefined,
  );
  return denies ? [] : ['no network policy denies all traffic by default'];
}
