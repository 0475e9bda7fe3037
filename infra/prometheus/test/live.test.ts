import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { ALERT_NAMES } from './alert-rules.ts';
import { connectSender, type Fault } from './faults/fault.ts';
import { MISUSE } from './faults/misuse.ts';
import { dispose, proveAll, QUIET_WITHIN_MS, type RunningScenario, startScenarios } from './faults/prove.ts';
import { SLOWNESS } from './faults/slowness.ts';
import { INFRA } from './prometheus-program.ts';

const SCENARIOS = [SLOWNESS, MISUSE];

interface RuleGroup {
  rules: { name: string; health: string; lastError?: string }[];
}

describe('Prometheus on running clusters', () => {
  let running: RunningScenario[] = [];

  before(async () => {
    // Starts nine services and their servers; the first run also fetches Debian's Prometheus.
    running = await startScenarios(SCENARIOS);
  });
  after(async () => {
    await dispose(running);
  });

  it('scrapes every gateway, worker and prober', async () => {
    for (const { cluster, prober, prometheus } of running) {
      await eventually(async () => {
        const { activeTargets } = await prometheus.get<{ activeTargets: { health: string }[] }>('targets');
        const all = [...cluster.gateways, ...cluster.workers, ...(prober ? [prober] : [])];
        expect(activeTargets.map(({ health }) => health)).to.deep.equal(all.map(() => 'up'));
      });
    }
  });

  it('evaluates every rule without an error, and fires no alert without a fault', async () => {
    for (const { cluster, prometheus } of running) {
      await using undo = new AsyncDisposableStack();
      const { send } = await connectSender({ cluster, undo });
      for (let i = 0; i < 20; i++) expect((await send()).ok).to.equal(true);
      await eventually(async () => {
        const { groups } = await prometheus.get<{ groups: RuleGroup[] }>('rules');
        const rules = groups.flatMap((group) => group.rules);
        expect(rules.length).to.be.above(40);
        for (const { name, health, lastError = '' } of rules)
          expect([name, health, lastError]).to.deep.equal([name, 'ok', '']);
      });
      await eventually(async () => expect([...(await prometheus.firing())]).to.deep.equal([]), QUIET_WITHIN_MS);
    }
  });

  it('accepts the query of every panel', async () => {
    const dashboards = globSync('grafana/dashboards/*.json', { cwd: INFRA }).map((file) =>
      readFileSync(join(INFRA, file), 'utf8'),
    );
    const queries = dashboards.flatMap((text) => [...text.matchAll(/"expr": (".*")/g)].map(([, expr = '']) => expr));
    expect(queries.length).to.be.above(80);
    for (const query of queries) {
      const expression = (JSON.parse(query) as string).replaceAll('$__rate_interval', '1m');
      await running[0]?.prometheus.get(`query?query=${encodeURIComponent(expression)}`);
    }
  });

  describe('fires alerts for', () => {
    const fired: string[] = [];
    let proofs: Map<Fault, Promise<readonly string[]>>;

    before(() => {
      proofs = new Map(running.flatMap((one) => [...proveAll(one)]));
    });

    for (const fault of SCENARIOS.flatMap(({ tracks }) => tracks.flat())) {
      it(`${fault.title}: ${fault.alerts.join(', ')}`, async () => {
        fired.push(...((await proofs.get(fault)) ?? []));
      });
    }

    it('each alert of the rule files', () => {
      expect(fired.sort()).to.deep.equal(ALERT_NAMES);
    });
  });
});
