import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { INFRA } from './prometheus-program.ts';

/** What infra/METRICS.md says of a metric. */
interface Row {
  type: string;
  labels: string[];
}

/** Labels that Prometheus adds, and the metrics that are its own. */
const ADDED = ['job', 'instance', 'le'];
const OWN: Record<string, Row> = {
  up: { type: 'gauge', labels: [] },
  ALERTS: { type: 'gauge', labels: ['alertname', 'alertstate', 'severity'] },
};

/** The metrics of infra/METRICS.md, of Prometheus, and those that its rules record. */
export function knownMetrics(): Map<string, Row> {
  const rows = readFileSync(join(INFRA, 'METRICS.md'), 'utf8').matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) \|/gm);
  const known = new Map<string, Row>(Object.entries(OWN));
  for (const [, name = '', type = '', labels = ''] of rows) {
    known.set(name, { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label) });
  }
  const recorded = readFileSync(join(INFRA, 'prometheus/rules/recorded.yaml'), 'utf8').matchAll(/record: (\S+)/g);
  for (const [, name = ''] of recorded) known.set(name, { type: 'gauge', labels: [] });
  return known;
}

/** What is wrong with the metrics of a PromQL expression: names that nobody has, labels that they do not have. */
export function unknownIn(expression: string, known: ReadonlyMap<string, Row>): string[] {
  return selectorsOf(expression).flatMap(({ name, labels }) => {
    const row = known.get(name) ?? ofHistogram(name, known);
    if (!row) return [name];
    return labels.filter((label) => ![...row.labels, ...ADDED].includes(label)).map((label) => `${name}{${label}}`);
  });
}

function ofHistogram(name: string, known: ReadonlyMap<string, Row>): Row | undefined {
  const row = known.get(name.replace(/_(bucket|sum|count)$/, ''));
  return row?.type === 'histogram' ? row : undefined;
}

const WORDS = ['and', 'or', 'unless', 'by', 'without', 'on', 'ignoring', 'group_left', 'group_right', 'bool', 'offset'];

/** Each metric with the labels of its matchers: what is no function, keyword, number, duration or label list. */
export function selectorsOf(expression: string): { name: string; labels: string[] }[] {
  const bare = expression
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ');
  return [...bare.matchAll(/(?<![\w:.])([a-zA-Z_:][\w:]*)\s*(\(|\{[^}]*\})?/g)].flatMap(([, name = '', after = '']) => {
    if (after === '(' || WORDS.includes(name)) return [];
    return [{ name, labels: [...after.matchAll(/(\w+)\s*(?:=|!)/g)].map(([, label = '']) => label) }];
  });
}
