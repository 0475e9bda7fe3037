import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { expect } from 'chai';
import { parse, stringify } from 'yaml';
import { k8s } from './manifests.ts';

const FILE = join(k8s, 'components/monitoring/prometheus-rule.yaml');

/** Kustomize reads only its own folder, so k8s contains a copy of the rules in infra/prometheus. */
describe('k8s, the alerts', () => {
  it('are those in infra/prometheus/rules', () => {
    const groups = globSync('infra/prometheus/rules/*.yaml', { cwd: repository })
      .sort()
      .flatMap((file): unknown[] => parse(readFileSync(join(repository, file), 'utf8')).groups);
    const text = readFileSync(FILE, 'utf8');
    if (process.env.UPDATE_RULES) {
      const header = text.slice(0, text.indexOf('apiVersion:'));
      const rule = { ...parse(text), spec: { groups } };
      writeFileSync(FILE, header + stringify(rule, { lineWidth: 0 }));
    }
    expect(
      parse(readFileSync(FILE, 'utf8')).spec.groups,
      'run this test with UPDATE_RULES=1 to update the copy',
    ).to.deep.equal(groups);
  });
});
