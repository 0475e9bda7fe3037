import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect } from 'chai';
import { CASES, type Case } from './alert-cases.ts';
import { INFRA, promtool } from './prometheus-program.ts';
import { ALERT_NAMES, ALERTS, RULES } from './written-alerts.ts';

/** What the others build on. */
const RECORDED = RULES.filter((file) => file.endsWith('/recorded.yaml'));

describe('the rules of Prometheus', () => {
  it('are what Prometheus takes, and so is its configuration', async () => {
    expect(await promtool(['check', 'config', 'prometheus.yaml'], join(INFRA, 'prometheus'))).to.include('SUCCESS');
  });

  it('each page somebody or write a ticket, and lead to a section that says what to do', () => {
    const [, ...parts] = readFileSync(join(INFRA, 'RUNBOOK.md'), 'utf8').split(/^### /m);
    const sections = new Map(parts.map((part) => [/^\w+/.exec(part)?.[0] ?? '', part]));
    for (const { name, severity, runbook } of ALERTS) {
      expect(severity, name).to.be.oneOf(['page', 'ticket']);
      expect(runbook, name).to.equal(`infra/RUNBOOK.md#${name.toLowerCase()}`);
      const section = sections.get(name) ?? '';
      for (const part of ['**Users**', '**Look**', '**Causes**', '**Do**']) {
        expect(section, `${name} in RUNBOOK.md`).to.include(part);
      }
    }
    expect([...sections.keys()].sort()).to.deep.equal(ALERT_NAMES);
  });

  it('are each tried: every alert has a case', () => {
    expect(Object.keys(CASES).sort()).to.deep.equal(ALERT_NAMES);
  });

  for (const file of RULES.filter((one) => !RECORDED.includes(one))) {
    it(`fire when they should, and are quiet while all is well: ${basename(file)}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'chat-rules-'));
      try {
        const tests = ALERTS.filter((alert) => alert.file === file).flatMap(({ name }) => {
          const one = CASES[name];
          return one ? [unitTest(name, one.ill, one, 1), unitTest(name, one.well, one, 0)] : [];
        });
        const rules = file.endsWith('/objectives.yaml') ? [...RECORDED, file] : [file];
        // JSON is YAML.
        const content = JSON.stringify({ rule_files: rules, evaluation_interval: '1m', tests });
        await writeFile(join(folder, 'alerts.json'), content);
        expect(await promtool(['test', 'rules', 'alerts.json'], folder)).to.include('SUCCESS');
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
  }
});

/** That the alert fires at `after` for the series, or (`times` 0) that it does not. */
function unitTest(alert: string, series: Case['ill'], { after }: Case, times: 0 | 1): object {
  return {
    name: `${alert} ${times === 1 ? 'fires' : 'is quiet'}`,
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="${alert}", alertstate="firing"})`,
        eval_time: after,
        exp_samples: times === 1 ? [{ labels: '{}', value: 1 }] : [],
      },
    ],
  };
}
