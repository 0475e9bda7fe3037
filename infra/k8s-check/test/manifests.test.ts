/*
 * Longer than 250 lines on purpose: one table of checks and builds, and a planted mistake for each check.
 */
import { expect } from 'chai';
import * as deployment from './deployment-checks.ts';
import * as hardening from './hardening-checks.ts';
import { build, type Edit, type Manifest } from './manifests.ts';
import { schemaProblems } from './schemas.ts';
import * as wiring from './wiring-checks.ts';

/** A check of all manifests of an overlay, with the title of its test. */
interface Check {
  title: string;
  problems(manifests: readonly Manifest[]): string[];
}

const CHECKS = {
  schemas: {
    title: 'matches the schemas of Kubernetes and its extensions',
    problems: (all) => all.flatMap(schemaProblems),
  },
  settings: { title: 'sets only settings that the services read', problems: deployment.settingsProblems },
  agreement: { title: 'gives gateways and workers the same lanes and adapter', problems: deployment.agreementProblems },
  grace: { title: 'gives each pod enough time to stop', problems: deployment.graceProblems },
  pools: {
    title: 'keeps all pools within max_connections, fully scaled and during a rollout',
    problems: deployment.poolProblems,
  },
  scaling: {
    title: 'has a lane for each worker, and keeps a pod of each kind while nodes are drained',
    problems: deployment.scalingProblems,
  },
  hops: { title: 'trusts the addresses of exactly the proxies that it has', problems: deployment.hopProblems },
  memory: { title: 'has the memory for its heap, its sockets and unread output', problems: deployment.memoryProblems },
  secrets: { title: 'reads only secrets that the README lists', problems: deployment.secretProblems },
  migration: { title: 'applies the migration together with what it needs', problems: deployment.migrationProblems },
  selectors: { title: 'selects pods and ports that exist', problems: wiring.selectorProblems },
  containers: {
    title: 'has the ports of its probes and settings, and the volumes of its mounts',
    problems: wiring.containerProblems,
  },
  probes: { title: 'probes liveness without Redis and Postgres', problems: wiring.probeProblems },
  references: { title: 'refers only to objects that exist', problems: wiring.referenceProblems },
  metrics: { title: 'scales by metrics that exist', problems: wiring.metricProblems },
  image: { title: 'uses one image, with a tag or digest', problems: wiring.imageProblems },
  hardening: { title: 'runs without privileges', problems: hardening.hardeningProblems },
  foreignSecrets: { title: 'gives each process only its own secret', problems: hardening.foreignSecretProblems },
  inlineSecrets: { title: 'contains no secrets', problems: hardening.inlineSecretProblems },
  network: { title: 'denies traffic that no policy allows', problems: hardening.networkProblems },
} satisfies Record<string, Check>;

const PRODUCTION = 'overlays/production/kustomization.yaml';
const entry = (name: string): Edit[] => [
  { file: PRODUCTION, from: 'components/entry-envoy', to: `components/${name}` },
];

/** The chat page, with the entry that its route belongs to. */
const page = (name: string): Edit[] => [
  { file: PRODUCTION, from: '# - ../../components/web-envoy', to: `- ../../components/web-${name}` },
  ...(name === 'envoy' ? [] : entry(`entry-${name}`)),
];

const BUILDS: Record<string, { folder: string; edits: Edit[] }> = {
  dev: { folder: 'overlays/dev', edits: [] },
  production: { folder: 'overlays/production', edits: [] },
  'production behind HAProxy': { folder: 'overlays/production', edits: entry('entry-haproxy') },
  'production behind Traefik': { folder: 'overlays/production', edits: entry('entry-traefik') },
  'production with the chat page': { folder: 'overlays/production', edits: page('envoy') },
  'production with the chat page behind HAProxy': { folder: 'overlays/production', edits: page('haproxy') },
  'production with the chat page behind Traefik': { folder: 'overlays/production', edits: page('traefik') },
  'production with a prober': {
    folder: 'overlays/production',
    edits: [{ file: PRODUCTION, from: '# - ../../components/probe', to: '- ../../components/probe' }],
  },
  'production with a key set': {
    folder: 'overlays/production',
    edits: [
      { file: PRODUCTION, from: 'components/monitoring', to: 'components/monitoring\n  - ../../components/jwks' },
    ],
  },
  'production with traces': {
    folder: 'overlays/production',
    edits: [
      { file: PRODUCTION, from: 'components/monitoring', to: 'components/monitoring\n  - ../../components/tracing' },
    ],
  },
  'production-redis-cluster': { folder: 'overlays/production-redis-cluster', edits: [] },
};

for (const [name, { folder, edits }] of Object.entries(BUILDS)) {
  describe(`k8s, ${name}`, () => {
    let manifests: Manifest[];
    before(async () => {
      manifests = await build(folder, edits);
    });

    for (const { title, problems } of Object.values<Check>(CHECKS)) {
      it(title, () => expect(problems(manifests)).to.deep.equal([]));
    }
  });
}

/** Mistakes in the manifests, with the check that finds each of them, and a problem that it reports. */
const MISTAKES: (Edit & { folder?: string; foundBy: keyof typeof CHECKS; problem: RegExp })[] = [
  {
    file: 'base/gateway.env',
    from: 'SHUTDOWN_TIMEOUT_MS=7000',
    to: 'SHUTDOWN_TIMEOUT_MS=60000',
    foundBy: 'grace',
    problem: /^gateway needs .* but has 75 s$/,
  },
  {
    file: 'base/worker.yaml',
    from: 'terminationGracePeriodSeconds: 30',
    to: 'terminationGracePeriodSeconds: 15',
    foundBy: 'grace',
    problem: /^worker needs 17 s/,
  },
  {
    file: 'base/gateway.yaml',
    from: 'seconds: 10',
    to: 'seconds: 90',
    foundBy: 'grace',
    problem: /preStop 90/,
  },
  {
    folder: 'overlays/production',
    file: 'components/autoscaling/gateway-hpa.yaml',
    from: 'maxReplicas: 12',
    to: 'maxReplicas: 40',
    foundBy: 'pools',
    problem: /max_connections leaves 240/,
  },
  {
    folder: 'overlays/production',
    file: 'components/autoscaling/worker-scaled-object.yaml',
    from: 'maxReplicaCount: 8',
    to: 'maxReplicaCount: 9',
    foundBy: 'scaling',
    problem: /^8 lanes for up to 9 workers/m,
  },
  {
    folder: 'overlays/production',
    file: 'components/autoscaling/worker-scaled-object.yaml',
    from: 'chat_lane_oldest_age_seconds',
    to: 'chat_lane_oldest_seconds',
    foundBy: 'metrics',
    problem: /no service registers chat_lane_oldest_seconds/,
  },
  {
    file: 'base/settings.env',
    from: 'LANES=4',
    to: 'LANE=4',
    foundBy: 'settings',
    problem: /^LANE is not a setting of gateway$/m,
  },
  {
    file: 'base/gateway.yaml',
    from: 'minReadySeconds',
    to: 'minReadySecond',
    foundBy: 'schemas',
    problem: /unknown field \/spec\/minReadySecond/,
  },
  {
    file: 'base/gateway-services.yaml',
    from: 'app.kubernetes.io/name: chat-gateway',
    to: 'app.kubernetes.io/name: gateway',
    foundBy: 'selectors',
    problem: /^Service gateway selects no pods$/m,
  },
  {
    file: 'base/worker.env',
    from: 'ADMIN_PORT=9091',
    to: 'ADMIN_PORT=9090',
    foundBy: 'containers',
    problem: /^worker: admin is 9091, but ADMIN_PORT is 9090$/,
  },
  {
    file: 'base/worker.env',
    from: 'ADMIN_PORT=9091',
    to: 'ADMIN_PORT=9091\nLANES=8',
    foundBy: 'agreement',
    problem: /^LANES is 4 for gateways, 8 for workers$/m,
  },
  {
    folder: 'overlays/dev',
    file: 'overlays/dev/kustomization.yaml',
    from: '- name: worker\n    count: 2',
    to: '- name: worker\n    count: 1',
    foundBy: 'scaling',
    problem: /^the disruption budget of worker leaves 0 of 1$/m,
  },
  {
    file: 'base/gateway.yaml',
    from: 'key: JWT_SECRET',
    to: 'key: JWT_KEY',
    foundBy: 'secrets',
    problem: /^gateway reads JWT_KEY/m,
  },
  {
    file: 'base/gateway.yaml',
    from: 'name: chat-gateway\n                  key: DATABASE_URL',
    to: 'name: chat-migrate\n                  key: DATABASE_URL',
    foundBy: 'foreignSecrets',
    problem: /^gateway reads chat-migrate, which is not its own secret$/m,
  },
  {
    folder: 'overlays/production',
    file: 'components/entry-envoy/kustomization.yaml',
    from: 'TRUSTED_HOPS=1',
    to: 'TRUSTED_HOPS=0',
    foundBy: 'hops',
    problem: /^TRUSTED_HOPS is 0, but there is one proxy$/,
  },
  {
    file: 'base/gateway.env',
    from: 'PORT=3000',
    to: 'PORT=3000\nTRUSTED_HOPS=1',
    foundBy: 'hops',
    problem: /^TRUSTED_HOPS is 1, but there is no proxy$/,
  },
  {
    file: 'base/gateway.env',
    from: 'UNREAD_MAX_BYTES=134217728',
    to: 'UNREAD_MAX_BYTES=536870912',
    foundBy: 'memory',
    problem: /^a full gateway needs 1137 MB of 1074 MB/,
  },
  {
    file: 'base/worker.yaml',
    from: 'max-old-space-size=768',
    to: 'max-old-space-size=1024',
    foundBy: 'memory',
    problem: /^worker: the heap is more than three quarters/,
  },
  {
    file: 'base/gateway.env',
    from: 'PORT=3000',
    to: 'PORT=3000\nJWT_KEYS_FILE=/etc/chat/keys.json',
    foundBy: 'containers',
    problem: /^gateway: JWT_KEYS_FILE is .etc.chat.keys.json, which is not mounted$/m,
  },
  {
    file: 'base/service-accounts.yaml',
    from: 'component: migrate',
    to: 'component: migration',
    foundBy: 'migration',
    problem: /^ServiceAccount migrate/m,
  },
  {
    file: 'base/worker.yaml',
    from: 'path: /healthz',
    to: 'path: /readyz',
    foundBy: 'probes',
    problem: /^worker: livenessProbe does not request .healthz$/m,
  },
  {
    folder: 'overlays/production',
    file: 'components/entry-envoy/routes.yaml',
    from: '- name: gateway',
    to: '- name: gateways',
    foundBy: 'references',
    problem: /^HTTPRoute chat: no Service gateways$/m,
  },
  {
    folder: 'overlays/dev',
    file: 'overlays/dev/kustomization.yaml',
    from: 'newTag: dev',
    to: 'newName: chat-cluster',
    foundBy: 'image',
    problem: /neither a tag nor a digest$/m,
  },
  {
    file: 'base/migrate.yaml',
    from: 'readOnlyRootFilesystem: true',
    to: 'readOnlyRootFilesystem: false',
    foundBy: 'hardening',
    problem: /^Job migrate, migrate must have a read-only root file system$/m,
  },
  {
    file: 'base/gateway.env',
    from: 'PORT=3000',
    to: 'PORT=3000\nJWT_SECRET=abc',
    foundBy: 'inlineSecrets',
    problem: /^the manifests contain the value of JWT_SECRET$/m,
  },
  {
    file: 'base/network-policies.yaml',
    from: 'podSelector: {}\n  policyTypes: [Ingress, Egress]',
    to: 'podSelector: {}\n  policyTypes: [Ingress]',
    foundBy: 'network',
    problem: /^no network policy/m,
  },
];

describe('k8s, a mistake', () => {
  it('is listed for each check', () => {
    expect(Object.keys(CHECKS)).to.have.members([...new Set(MISTAKES.map(({ foundBy }) => foundBy))]);
  });

  for (const { foundBy, problem, folder = 'base', ...edit } of MISTAKES) {
    it(`is found by the check of ${foundBy}: ${JSON.stringify(edit.to)} in ${edit.file}`, async () => {
      const check: Check = CHECKS[foundBy];
      expect(check.problems(await build(folder, [edit])).join('\n')).to.match(problem);
    });
  }
});
