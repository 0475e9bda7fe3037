import { expect } from 'chai';
import * as deployment from './deployment-checks.ts';
import * as hardening from './hardening-checks.ts';
import { build, type Edit, type Manifest } from './manifests.ts';
import { schemaProblems } from './schemas.ts';
import * as wiring from './wiring-checks.ts';

const CHECKS: Record<string, (manifests: readonly Manifest[]) => string[]> = {
  'has only what the schemas of Kubernetes and of its extensions allow': (all) => all.flatMap(schemaProblems),
  'sets what the services read, and nothing else': deployment.settingsProblems,
  'lets gateways and workers agree': deployment.agreementProblems,
  'gives a stop the time that it takes': deployment.graceProblems,
  'fits the pools into max_connections, at the limit of scaling and in a rollout': deployment.poolProblems,
  'has no more workers than lanes, and leaves one of each when nodes are drained': deployment.scalingProblems,
  'takes secrets that the README tells to make': deployment.secretProblems,
  'applies what the migration needs with it': deployment.migrationProblems,
  'selects pods that there are, by ports that they have': wiring.selectorProblems,
  'has ports where probes and settings say': wiring.containerProblems,
  'lets liveness ask nobody': wiring.probeProblems,
  'refers to what there is': wiring.referenceProblems,
  'scales by metrics that there are': wiring.metricProblems,
  'has one image, with a tag': wiring.imageProblems,
  'runs without rights': hardening.hardeningProblems,
  'holds no secret': hardening.inlineSecretProblems,
  'refuses what no policy allows': hardening.networkProblems,
};

const PRODUCTION = 'overlays/production/kustomization.yaml';
const entry = (name: string): Edit[] => [
  { file: PRODUCTION, from: 'components/entry-envoy', to: `components/${name}` },
];

const BUILDS: Record<string, { folder: string; edits: Edit[] }> = {
  dev: { folder: 'overlays/dev', edits: [] },
  production: { folder: 'overlays/production', edits: [] },
  'production behind HAProxy': { folder: 'overlays/production', edits: entry('entry-haproxy') },
  'production behind Traefik': { folder: 'overlays/production', edits: entry('entry-traefik') },
  'production with a prober': {
    folder: 'overlays/production',
    edits: [{ file: PRODUCTION, from: '# - ../../components/probe', to: '- ../../components/probe' }],
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

    for (const [what, problems] of Object.entries(CHECKS)) {
      it(what, () => expect(problems(manifests)).to.deep.equal([]));
    }
  });
}

/** Mistakes, each of which only one check is to see. */
const MISTAKES: (Edit & { folder?: string; seenBy: keyof typeof CHECKS; as: RegExp })[] = [
  {
    file: 'base/gateway.env',
    from: 'SHUTDOWN_TIMEOUT_MS=7000',
    to: 'SHUTDOWN_TIMEOUT_MS=60000',
    seenBy: 'gives a stop the time that it takes',
    as: /^gateway needs .* and has 75$/,
  },
  {
    file: 'base/worker.yaml',
    from: 'terminationGracePeriodSeconds: 30',
    to: 'terminationGracePeriodSeconds: 15',
    seenBy: 'gives a stop the time that it takes',
    as: /^worker needs 17 s/,
  },
  {
    file: 'base/gateway.yaml',
    from: 'seconds: 10',
    to: 'seconds: 90',
    seenBy: 'gives a stop the time that it takes',
    as: /90 of preStop/,
  },
  {
    folder: 'overlays/production',
    file: 'components/autoscaling/gateway-hpa.yaml',
    from: 'maxReplicas: 12',
    to: 'maxReplicas: 40',
    seenBy: 'fits the pools into max_connections, at the limit of scaling and in a rollout',
    as: /max_connections leaves 240/,
  },
  {
    folder: 'overlays/production',
    file: 'components/autoscaling/worker-scaled-object.yaml',
    from: 'maxReplicaCount: 8',
    to: 'maxReplicaCount: 9',
    seenBy: 'has no more workers than lanes, and leaves one of each when nodes are drained',
    as: /9 workers, but 8 lanes/,
  },
  {
    folder: 'overlays/production',
    file: 'components/autoscaling/worker-scaled-object.yaml',
    from: 'chat_lane_oldest_age_seconds',
    to: 'chat_lane_oldest_seconds',
    seenBy: 'scales by metrics that there are',
    as: /nothing registers chat_lane_oldest_seconds/,
  },
  {
    file: 'base/settings.env',
    from: 'LANES=4',
    to: 'LANE=4',
    seenBy: 'sets what the services read, and nothing else',
    as: /^gateway knows no setting LANE$/m,
  },
  {
    file: 'base/gateway.yaml',
    from: 'minReadySeconds',
    to: 'minReadySecond',
    seenBy: 'has only what the schemas of Kubernetes and of its extensions allow',
    as: /no field \/spec\/minReadySecond/,
  },
  {
    file: 'base/gateway-services.yaml',
    from: 'app.kubernetes.io/name: chat-gateway',
    to: 'app.kubernetes.io/name: gateway',
    seenBy: 'selects pods that there are, by ports that they have',
    as: /^Service gateway selects no pods$/m,
  },
  {
    file: 'base/worker.env',
    from: 'ADMIN_PORT=9091',
    to: 'ADMIN_PORT=9090',
    seenBy: 'has ports where probes and settings say',
    as: /^worker: admin is 9091, but ADMIN_PORT is 9090$/,
  },
  {
    file: 'base/worker.env',
    from: 'ADMIN_PORT=9091',
    to: 'ADMIN_PORT=9091\nLANES=8',
    seenBy: 'lets gateways and workers agree',
    as: /^LANES is 4 for gateways, 8 for workers$/m,
  },
  {
    folder: 'overlays/dev',
    file: 'overlays/dev/kustomization.yaml',
    from: '- name: worker\n    count: 2',
    to: '- name: worker\n    count: 1',
    seenBy: 'has no more workers than lanes, and leaves one of each when nodes are drained',
    as: /^the disruption budget of worker leaves 0 of 1$/m,
  },
  {
    file: 'base/gateway.yaml',
    from: 'key: JWT_SECRET',
    to: 'key: JWT_KEY',
    seenBy: 'takes secrets that the README tells to make',
    as: /^gateway takes JWT_KEY/m,
  },
  {
    file: 'base/service-accounts.yaml',
    from: 'component: migrate',
    to: 'component: migration',
    seenBy: 'applies what the migration needs with it',
    as: /^ServiceAccount migrate/m,
  },
  {
    file: 'base/worker.yaml',
    from: 'path: /healthz',
    to: 'path: /readyz',
    seenBy: 'lets liveness ask nobody',
    as: /^worker: livenessProbe does not ask .healthz$/m,
  },
  {
    folder: 'overlays/production',
    file: 'components/entry-envoy/routes.yaml',
    from: '- name: gateway',
    to: '- name: gateways',
    seenBy: 'refers to what there is',
    as: /^HTTPRoute chat: no Service gateways$/m,
  },
  {
    folder: 'overlays/dev',
    file: 'overlays/dev/kustomization.yaml',
    from: 'newTag: dev',
    to: 'newName: chat-cluster',
    seenBy: 'has one image, with a tag',
    as: /neither a tag nor a digest$/m,
  },
  {
    file: 'base/migrate.yaml',
    from: 'readOnlyRootFilesystem: true',
    to: 'readOnlyRootFilesystem: false',
    seenBy: 'runs without rights',
    as: /^not so: Job migrate, migrate has a root file system that is read-only$/m,
  },
  {
    file: 'base/gateway.env',
    from: 'PORT=3000',
    to: 'PORT=3000\nJWT_SECRET=abc',
    seenBy: 'holds no secret',
    as: /^JWT_SECRET is given in place$/m,
  },
  {
    file: 'base/network-policies.yaml',
    from: 'podSelector: {}\n  policyTypes: [Ingress, Egress]',
    to: 'podSelector: {}\n  policyTypes: [Ingress]',
    seenBy: 'refuses what no policy allows',
    as: /^no network policy/m,
  },
];

describe('k8s, a mistake', () => {
  it('is known for every check', () => {
    expect(Object.keys(CHECKS)).to.have.members([...new Set(MISTAKES.map(({ seenBy }) => seenBy))]);
  });

  for (const { seenBy, as, folder = 'base', ...edit } of MISTAKES) {
    it(`in ${edit.file}, ${JSON.stringify(edit.to)}, is seen`, async () => {
      expect(CHECKS[seenBy]?.(await build(folder, [edit])).join('\n')).to.match(as);
    });
  }
});
