import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { INFRA } from './prometheus-program.ts';

/** A row of infra/METRICS.md. */
interface Row {
  type: string;
  labels: string[];
}

/** Labels that Prometheus adds. */
const ADDED_LABELS = ['job', 'instance', 'le'];
/** Metrics of Prometheus itself. */
const BUILT_IN: Record<string, Row> = {
  up: { type: 'gauge', labels: [] },
  ALERTS: { type: 'gauge', labels: ['alertname', 'alertstate', 'severity'] },
};

/** All metrics by name: those in infra/METRICS.md, those of Prometheus, and those that its rules record. */
export function knownMetrics(): Map<string, Row> {
  const rows = readFileSync(join(INFRA, 'METRICS.md'), 'utf8').matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) \|/gm);
  const known = new Map<string, Row>(Object.entries(BUILT_IN));
  for (const [, name = '', type = '', labels = ''] of rows) {
    known.set(name, { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label) });
  }
  const recorded = readFileSync(join(INFRA, 'prometheus/rules/recorded.yaml'), 'utf8').matchAll(/record: (\S+)/g);
  for (const [, name = ''] of recorded) known.set(name, { type: 'gauge', labels: [] });
  return known;
}

/** The problems of a PromQL expression: metrics that no process has, and labels that a metric does not have. */
export function unknownMetrics(expression: string, known: ReadonlyMap<string, Row>): string[] {
  return selectorsOf(expression).flatMap(({ name, labels }) => {
    const row = known.get(name) ?? histogramOf(name, known);
    if (!row) return [name];
    return labels
      .filter((label) => ![...row.labels, ...ADDED_LABELS].includes(label))
      .map((label) => `${name}{${label}}`);
  });
}

/** The histogram that has the series `name`. */
function histogramOf(name: string, known: ReadonlyMap<string, Row>): Row | undefined {
  const row = known.get(name.replace(/_(bucket|sum|count)$/, ''));
  return row?.type === 'histogram' ? row : undefined;
}

const KEYWORDS = 'and or unless by without on ignoring group_left group_right bool offset'.split(' ');

/** Metrics of an expression, with the labels of their matchers: its names except functions, keywords, label lists. */
export function selectorsOf(expression: string): { name: string; labels: string[] }[] {
  const bare = expression
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ');
  return [...bare.matchAll(/(?<![\w:.])([a-zA-Z_:][\w:]*)\s*(\(|\{[^}]*\})?/g)].flatMap(([, name = '', after = '']) => {
    if (after === '(' || KEYWORDS.includes(name)) return [];
    return [{ name, labels: [...after.matchAll(/(\w+)\s*(?:=|!)/g)].map(([, label = '']) => label) }];
  });
}
