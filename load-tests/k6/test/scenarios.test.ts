import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { runNode, startTestCluster, type TestCluster, temporaryFolder } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { PLANS } from '../lib/plans.ts';
import type { Metrics } from '../lib/summary.ts';

const FOLDER = join(repository, 'load-tests/k6');
const SCRIPTS = globSync('*.js', { cwd: FOLDER }).sort();

describe('k6: the scripts', () => {
  it('exist for each scenario', () => {
    expect(SCRIPTS).to.deep.equal(PLANS.map(({ name }) => `${name}.js`).sort());
  });

  it('import existing files, and modules that k6 documents', () => {
    const documented = Object.keys(
      JSON.parse(readFileSync(join(repository, 'node_modules/@types/k6/package.json'), 'utf8')).exports,
    );
    const seen = new Set<string>();
    const visit = (file: string) => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const [, specifier = ''] of readFileSync(file, 'utf8').matchAll(
        /^(?:import|export) (?!type\b)[^;'=]*'([^']+)';$/gm,
      )) {
        if (specifier.startsWith('.')) {
          // k6 adds no file endings.
          expect(specifier, file).to.match(/\.[jt]s$/);
          visit(resolve(dirname(file), specifier));
        } else {
          expect(specifier.startsWith('k6'), `${file} imports ${specifier}`).to.equal(true);
          expect(documented, `${file} imports ${specifier}`).to.include(specifier.replace(/^k6/, '.'));
          expect(file, 'the library must run on Node too').not.to.include(`${FOLDER}/lib/`);
          expect(specifier, 'experimental modules are removed some day').not.to.include('experimental');
        }
      }
    };
    for (const script of SCRIPTS) visit(join(FOLDER, script));
    expect([...seen].sort(), 'every file is used by a script').to.deep.equal(
      globSync(['*.js', 'generated/*.js', '{lib,wiring}/*.ts'], { cwd: FOLDER })
        .map((file) => join(FOLDER, file))
        .sort(),
    );
    const withWebSockets = [...seen].filter((file) => /from 'k6\/websockets'/.test(readFileSync(file, 'utf8')));
    expect(
      withWebSockets.map((file) => basename(file)),
      'the only file to change for older versions of k6',
    ).to.deep.equal(['websocket.ts']);
  });
});

describe('k6: each script, on Node with a cluster', () => {
  let cluster: TestCluster;
  let runs: Map<string, Run>;

  const SETTINGS = {
    PAIRS: '6',
    SENDERS: '9',
    GROUPS: '2',
    MEMBERS: '5',
    SOCKETS_PER_VU: '4',
    CONNECT_RATE: '100',
    RATE: '40',
    DURATION: '2s',
    WARMUP: '200ms',
  };
  const LIMITS = { ACK_P95: '20s', ACK_P99: '20s', DELIVERY_P95: '20s', DELIVERY_P99: '20s' };
  const OWN: Record<string, Record<string, string>> = {
    ramp: { STEPS: '2' },
    spike: { SPIKE_DURATION: '500ms', SPIKE_FACTOR: '3', ARRIVALS: 'even' },
    soak: { DEVICES: '2', CHURN: '2s' },
    'reconnect-storm': { STORM_AT: '500ms', STORM_DURATION: '1s' },
  };

  before(async () => {
    cluster = await startTestCluster();
    const env = { ...SETTINGS, ...LIMITS, URL: cluster.url, JWT_SECRET: cluster.jwtSecret, READ_RATIO: '0.3' };
    const all = PLANS.map(async ({ name }) => [name, await runScript(name, { ...env, ...OWN[name] })] as const);
    runs = new Map(await Promise.all(all));
  });

  after(() => cluster.stop());

  for (const { name, phases } of PLANS) {
    it(`${name}: every message is sent, acknowledged and received by all participants`, () => {
      const { status, output, metrics, json } = runs.get(name) ?? missing(name);
      expect(status, output).to.equal(0);
      const count = (metric: string) => metrics[metric]?.values.count ?? 0;
      const devices = { soak: 4, groups: 5 }[name] ?? 2;
      expect(count('chat_sent')).to.be.at.least(40);
      expect(count('chat_acked')).to.equal(count('chat_sent'));
      expect(count('chat_delivered')).to.equal(count('chat_sent') * devices);
      for (const bad of [
        'lost',
        'duplicated',
        'out_of_order',
        'refused',
        'unanswered',
        'unreadable',
        'failed_connects',
      ])
        expect(count(`chat_${bad}`), bad).to.equal(0);
      expect(count('chat_reads')).to.be.at.least(1);
      if (name === 'groups') expect(count('chat_marks_received')).to.be.greaterThan(count('chat_delivered_marks'));
      expect(count('chat_delivered_marks') > 0, 'marks').to.equal(name === 'groups');
      expect(metrics.chat_ack_ms?.values.count).to.equal(count('chat_sent'));
      expect(output).to.include('✔ All thresholds are met.').and.not.include(cluster.jwtSecret);
      expect(json).to.include({ scenario: name, ok: true });
      for (const phase of phases(json.settings))
        expect(output).to.match(new RegExp(`^  ${phase.name} +\\d+ +\\d+ `, 'm'));
    });
  }

  it('spike: sends exactly the messages of the schedule', () => {
    const count = (phase: string) => runs.get('spike')?.metrics[`chat_sent{phase:${phase}}`]?.values.count;
    expect(['before', 'spike'].map(count)).to.deep.equal([30, 60]);
  });

  it('reconnect-storm: every device loses its connection once and is in sync again', () => {
    const { metrics } = runs.get('reconnect-storm') ?? missing('reconnect-storm');
    expect(metrics.chat_reconnects?.values.count).to.equal(12);
    expect(metrics.chat_recovery_ms?.values.min).to.be.at.least(500);
    expect(metrics.chat_connect_ms?.values.count).to.equal(24);
  });

  it('fail when the cluster misses a threshold, and when it refuses the token', async () => {
    const env = { ...SETTINGS, URL: cluster.url, JWT_SECRET: cluster.jwtSecret, ACK_P95: '1ms', DURATION: '200ms' };
    const [slow, refused] = await Promise.all([
      runScript('steady', env),
      runScript('steady', { ...env, JWT_SECRET: 'not the secret of this cluster, though long' }),
    ]);
    expect(slow.status, slow.output).to.equal(99);
    expect(slow.output).to.match(/✖ chat_ack_ms\{phase:steady\}: p\(95\)<=1 \([\d.]+\)/);
    expect(refused.status).to.equal(1);
    expect(refused.output).to.match(/401 .*TOKEN_INVALID.*is JWT_SECRET the secret of the cluster\?/);
  });
});

interface Run {
  status: number | null;
  output: string;
  metrics: Metrics;
  json: { ok: boolean; settings: never };
}

/** Runs a script as `k6 run` does. `output`: stdout and stderr. */
async function runScript(name: string, env: Record<string, string>): Promise<Run> {
  await using folder = temporaryFolder();
  const cwd = folder.path;
  const args = [join(FOLDER, 'test/k6-on-node/run.ts'), join(FOLDER, `${name}.js`), 'samples.json'];
  const run = runNode(args, { PATH: process.env.PATH, ...env }, { cwd, timeout: 100_000 });
  const { code, stdout, stderr } = await run.ended;
  const read = (file: string) =>
    JSON.parse(globSync(file, { cwd }).length > 0 ? readFileSync(join(cwd, file), 'utf8') : '{}');
  return { status: code, output: stdout + stderr, metrics: read('samples.json'), json: read(`k6-${name}.json`) };
}

function missing(name: string): never {
  throw new Error(`${name} did not run`);
}
