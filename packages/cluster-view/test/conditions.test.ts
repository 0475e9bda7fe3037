import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { expect } from 'chai';
import { CONDITIONS } from '../src/overview/conditions.ts';

const INFRA = join(repository, 'infra');

/** Severity by the name of each alert in the rules of Prometheus. */
const severities = new Map(
  globSync('prometheus/rules/*.yaml', { cwd: INFRA }).flatMap((file) =>
    readFileSync(join(INFRA, file), 'utf8')
      .split(/^ {6}- alert: /m)
      .slice(1)
      .map((part): [string, string | undefined] => [
        /^\w+/.exec(part)?.[0] ?? '',
        /^ +severity: (\w+)$/m.exec(part)?.[1],
      ]),
  ),
);
const sections = [...readFileSync(join(INFRA, 'RUNBOOK.md'), 'utf8').matchAll(/^### (\w+)$/gm)].map(([, name = '']) =>
  name.toLowerCase(),
);

describe('the conditions of the verdict', () => {
  for (const { name, severity } of CONDITIONS) {
    it(`have the name, severity and section of an alert: ${name}`, () => {
      expect(severities.get(name)).to.equal(severity);
      expect(sections).to.include(name.toLowerCase());
    });
  }

  it('have different names', () => {
    expect(new Set(CONDITIONS.map(({ name }) => name)).size).to.equal(CONDITIONS.length);
  });
});
