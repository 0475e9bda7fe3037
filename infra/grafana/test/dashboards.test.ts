import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect } from 'chai';
import { knownMetrics, selectorsOf, unknownMetrics } from '../../prometheus/test/metric-table.ts';
import { INFRA } from '../../prometheus/test/prometheus-program.ts';

interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  datasource?: { uid: string };
  targets?: { refId: string; expr: string; datasource: { uid: string } }[];
}

interface Dashboard {
  file: string;
  uid: string;
  title: string;
  tags: string[];
  panels: Panel[];
}

const DASHBOARDS = globSync('grafana/dashboards/*.json', { cwd: INFRA }).map((file): Dashboard => {
  return { file, ...(JSON.parse(readFileSync(join(INFRA, file), 'utf8')) as Omit<Dashboard, 'file'>) };
});
const known = knownMetrics();

describe('the dashboards', () => {
  it('are four, each with its own id and title', () => {
    expect(DASHBOARDS.map(({ file }) => basename(file)).sort()).to.deep.equal([
      'gateways.json',
      'lanes.json',
      'overview.json',
      'redis-and-postgres.json',
    ]);
    for (const part of ['uid', 'title'] as const) {
      expect(new Set(DASHBOARDS.map((dashboard) => dashboard[part])).size).to.equal(DASHBOARDS.length);
    }
    for (const { tags } of DASHBOARDS) expect(tags).to.deep.equal(['chat-cluster']);
  });

  for (const { file, panels } of DASHBOARDS) {
    describe(basename(file), () => {
      const graphs = panels.filter(({ type }) => type !== 'row');

      it('has panels with unique ids that do not overlap', () => {
        expect(new Set(panels.map(({ id }) => id)).size).to.equal(panels.length);
        const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) => {
          expect(x + w).to.be.at.most(24);
          return Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`);
        });
        expect(new Set(cells).size).to.equal(cells.length);
      });

      it('queries the selected Prometheus', () => {
        for (const { title, datasource, targets = [] } of graphs) {
          expect(targets, title).to.not.have.length(0);
          for (const source of [datasource, ...targets.map((target) => target.datasource)]) {
            expect(source?.uid, title).to.match(/^\$\{datasource\}$/);
          }
        }
      });

      it('queries only metrics and labels that exist', () => {
        for (const { title, targets = [] } of graphs) {
          for (const { expr } of targets) {
            expect(selectorsOf(expr), `${title}: ${expr}`).to.not.have.length(0);
            expect(unknownMetrics(expr, known), `${title}: ${expr}`).to.deep.equal([]);
          }
        }
      });
    });
  }

  it('show every metric of gateways, workers and the prober', () => {
    const shown = DASHBOARDS.flatMap(({ panels }) =>
      panels.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => selectorsOf(expr).map(({ name }) => name))),
    );
    for (const name of known.keys()) {
      if (!name.startsWith('chat_')) continue;
      expect(
        shown.some((one) => one === name || one.replace(/_(bucket|sum|count)$/, '') === name),
        name,
      ).to.equal(true);
    }
  });

  it('have the panels that the runbook names', () => {
    const titles = DASHBOARDS.flatMap(({ panels }) => panels.map(({ title }) => title));
    const lookParagraphs = readFileSync(join(INFRA, 'RUNBOOK.md'), 'utf8').matchAll(/^\*\*Look\*\*[\s\S]+?\n\n/gm);
    const named = [...lookParagraphs].flatMap(([text]) =>
      [...text.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title),
    );
    expect(named).to.not.have.length(0);
    expect(titles).to.include.members(named);
  });
});

describe('the rules', () => {
  it('query only metrics and labels that exist', () => {
    for (const file of globSync('prometheus/rules/*.yaml', { cwd: INFRA })) {
      const text = readFileSync(join(INFRA, file), 'utf8');
      const expressions = [...text.matchAll(/^ {8}expr: (.*(?:\n {10}.*)*)/gm)];
      expect(expressions.length, file).to.equal(text.match(/expr:/g)?.length);
      for (const [, written = ''] of expressions) {
        const expression = written.replace(/^(\||')|'$/g, '');
        expect(selectorsOf(expression), expression).to.not.have.length(0);
        expect(unknownMetrics(expression, known), expression).to.deep.equal([]);
      }
    }
  });
});
