import type { Chart } from '@chat-cluster/testkit/chart';

/** The result of an experiment, to be printed and saved. */
export interface Report {
  title: string;
  /** What was measured and how, in a few sentences: what a reader needs to understand the figures. */
  method: string;
  /** Raw figures, plain JSON. */
  figures: unknown;
  tables: Table[];
  charts: Chart[];
  verdicts: Verdict[];
}

/** One sentence about a figure and its target; `ok` false makes the exit code 1. */
export interface Verdict {
  text: string;
  ok: boolean;
}

/** Cells are printed as they are; the caller rounds numbers. The first column is aligned left, the others right. */
export interface Table {
  caption: string;
  columns: string[];
  rows: Cell[][];
}

type Cell = string | number;

/** A column: its name, and its cell for one item. */
export type Column<Item> = readonly [name: string, cell: (item: Item) => Cell];

/** A table with one row for each item. */
export function table<Item>(caption: string, items: readonly Item[], columns: readonly Column<Item>[]): Table {
  const rows = items.map((item) => columns.map(([, cell]) => cell(item)));
  return { caption, columns: columns.map(([name]) => name), rows };
}

/** A table of single figures. */
export function list(caption: string, rows: readonly (readonly [what: string, figure: Cell])[]): Table {
  return { caption, columns: ['what', 'figure'], rows: rows.map((row) => [...row]) };
}

/** Columns with percentiles in ms; a dash where there is no latency. */
export function latencyColumns<Item, Percentile extends string>(
  name: string,
  percentiles: readonly Percentile[],
  latency: (item: Item) => Record<Percentile, number> | undefined,
): Column<Item>[] {
  return percentiles.map((percentile, i) => [
    i === 0 ? `${name} ${percentile}` : percentile,
    (item) => latency(item)?.[percentile].toFixed(1) ?? '–',
  ]);
}
