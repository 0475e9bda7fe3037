import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect } from 'chai';
import { ALERT_CASES, type AlertCase } from './alert-cases.ts';
import { ALERT_NAMES, ALERTS, RULE_FILES } from './alert-rules.ts';
import { INFRA, promtool } from './prometheus-program.ts';

/** Recorded series, which the alerts of objectives.yaml use. */
const RECORDED = RULE_FILES.filter((file) => file.endsWith('/recorded.yaml'));

describe('the rules of Prometheus', () => {
  it('are valid, and so is its configuration', async () => {
    expect(await promtool(['check', 'config', 'prometheus.yaml'], join(INFRA, 'prometheus'))).to.include('SUCCESS');
  });

  it('have a severity and a section of the runbook for each alert', () => {
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

  it('have a case for each alert', () => {
    expect(Object.keys(ALERT_CASES).sort()).to.deep.equal(ALERT_NAMES);
  });

  for (const file of RULE_FILES.filter((one) => !RECORDED.includes(one))) {
    it(`fire for series with a fault, and not for others: ${basename(file)}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'chat-rules-'));
      try {
        const tests = ALERTS.filter((alert) => alert.file === file).flatMap(({ name }) => {
          const one = ALERT_CASES[name];
          return one ? [unitTest(name, one.fires, one.after, 1), unitTest(name, one.silent, one.after, 0)] : [];
        });
        const rules = file.endsWith('/objectives.yaml') ? [...RECORDED, file] : [file];
        // Written as JSON, which is valid YAML.
        const content = JSON.stringify({ rule_files: rules, evaluation_interval: '1m', tests });
        await writeFile(join(folder, 'alerts.json'), content);
        expect(await promtool(['test', 'rules', 'alerts.json'], folder)).to.include('SUCCESS');
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
  }
});

/** A unit test of promtool: with these series the alert fires at `after` (`count` 1), or does not (`count` 0). */
function unitTest(alert: string, series: AlertCase['fires'], after: string, count: 0 | 1): object {
  return {
    name: `${alert} ${count === 1 ? 'fires' : 'is silent'}`,
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="${alert}", alertstate="firing"})`,
        eval_time: after,
        exp_samples: count === 1 ? [{ labels: '{}', value: 1 }] : [],
      },
    ],
  };
}
