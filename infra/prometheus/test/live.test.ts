import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ControlledService, eventually, type FaultCluster, startFaultCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { type Fault, type Scenario, talk } from './faults/fault.ts';
import { MISUSE } from './faults/misuse.ts';
import { OUTAGES } from './faults/outages.ts';
import { INFRA } from './prometheus-program.ts';
import { type RunningPrometheus, startPrometheus } from './running-prometheus.ts';
import { ALERT_NAMES } from './written-alerts.ts';

interface Group {
  rules: { name: string; health: string; lastError?: string }[];
}

/** A scenario's cluster, and the Prometheus that watches it. */
interface Running extends AsyncDisposable {
  scenario: Scenario;
  cluster: FaultCluster;
  prometheus: RunningPrometheus;
}

/** Long enough for the longest fault: a lane counts as wedged after half a minute. */
const FIRES_WITHIN_MS = 45_000;
/** What a busy start-up or the fault before left behind is over by then. */
const QUIET_WITHIN_MS = 20_000;

describe('Prometheus on running clusters', () => {
  let running: Running[] = [];

  before(async function () {
    this.timeout(60_000);
    const starts = await Promise.allSettled([OUTAGES, MISUSE].map(start));
    running = starts.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    for (const one of starts) if (one.status === 'rejected') throw one.reason;
  });
  after(async function () {
    this.timeout(30_000);
    await Promise.all(running.map((one) => one[Symbol.asyncDispose]()));
  });

  it('scrapes every gateway and worker', async () => {
    for (const { cluster, prometheus } of running) {
      await eventually(async () => {
        const { activeTargets } = await prometheus.ask<{ activeTargets: { health: string }[] }>('targets');
        const all = [...cluster.gateways, ...cluster.workers];
        expect(activeTargets.map(({ health }) => health)).to.deep.equal(all.map(() => 'up'));
      });
    }
  });

  it('evaluates every rule without an error, and nothing fires while all is well', async () => {
    for (const { cluster, prometheus } of running) {
      await using ours = new AsyncDisposableStack();
      const { send } = await talk({ cluster, undo: ours, over: AbortSignal.abort() });
      for (let i = 0; i < 20; i++) expect((await send()).ok).to.equal(true);
      await eventually(async () => {
        const { groups } = await prometheus.ask<{ groups: Group[] }>('rules');
        const rules = groups.flatMap((group) => group.rules);
        expect(rules.length).to.be.above(40);
        for (const { name, health, lastError = '' } of rules)
          expect([name, health, lastError]).to.deep.equal([name, 'ok', '']);
      });
      await eventually(async () => expect([...(await prometheus.firing())]).to.deep.equal([]), QUIET_WITHIN_MS);
    }
  }).timeout(60_000);

  it('answers the question of every panel', async () => {
    const dashboards = globSync('grafana/dashboards/*.json', { cwd: INFRA }).map((file) =>
      readFileSync(join(INFRA, file), 'utf8'),
    );
    const queries = dashboards.flatMap((text) => [...text.matchAll(/"expr": (".*")/g)].map(([, expr = '']) => expr));
    expect(queries.length).to.be.above(80);
    for (const query of queries) {
      const expression = (JSON.parse(query) as string).replaceAll('$__rate_interval', '1m');
      await running[0]?.prometheus.ask(`query?query=${encodeURIComponent(expression)}`);
    }
  });

  describe('tells of', () => {
    const fired = new Set<string>();
    const told = new Map<Fault, Promise<void>>();

    before(() => {
      for (const one of running) {
        for (const track of one.scenario.tracks) {
          let earlier: Promise<unknown> = Promise.resolve();
          for (const fault of track) {
            const done = earlier.then(() => prove(fault, one, fired));
            told.set(fault, done);
            // Its own test says that it failed; the next fault is made all the same.
            earlier = done.catch(() => {});
          }
        }
      }
    });

    for (const fault of [OUTAGES, MISUSE].flatMap(({ tracks }) => tracks.flat())) {
      it(`${fault.title}: ${fault.alerts.join(', ')}`, () => told.get(fault)).timeout(120_000);
    }

    it('all that there are alerts for', () => {
      expect([...fired].sort()).to.deep.equal(ALERT_NAMES);
    });
  });
});

async function start(scenario: Scenario): Promise<Running> {
  console.log('start', performance.now());
  await using undo = new AsyncDisposableStack();
  const cluster = undo.use(await startFaultCluster(scenario.options));
  console.log('cluster', performance.now());
  const portsOf = (services: ControlledService[]) => services.map(({ adminPort }) => adminPort);
  const ports = { gateways: portsOf(cluster.gateways), workers: portsOf(cluster.workers) };
  const prometheus = undo.use(await startPrometheus(ports));
  console.log('prometheus', performance.now());
  const parts = undo.move();
  return { scenario, cluster, prometheus, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

/** Makes the fault, until each of its alerts, all silent before, has fired; and adds them to `fired`. */
async function prove({ alerts, make }: Fault, { cluster, prometheus }: Running, fired: Set<string>): Promise<void> {
  await eventually(async () => {
    const firing = await prometheus.firing();
    expect(
      alerts.filter((alert) => firing.has(alert)),
      'fires before its fault',
    ).to.deep.equal([]);
  }, QUIET_WITHIN_MS);
  const t0 = performance.now();
  console.log('begin', Math.round(t0 / 100) / 10, alerts.join());
  await using undo = new AsyncDisposableStack();
  const over = new AbortController();
  try {
    await make({ cluster, undo, over: over.signal });
    const seen = new Set<string>();
    await eventually(async () => {
      for (const alert of await prometheus.firing()) seen.add(alert);
      expect(
        alerts.filter((alert) => !seen.has(alert)),
        'does not fire',
      ).to.deep.equal([]);
    }, FIRES_WITHIN_MS);
  } finally {
    over.abort();
  }
  console.log('told', Math.round(performance.now() - t0), alerts.join());
  for (const alert of alerts) fired.add(alert);
}
