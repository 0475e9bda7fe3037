import type { Chart } from '@chat-cluster/testkit/report';
import { GROUP_SIZE } from '../arms/users.ts';
import type { Latency, Outcome } from '../traffic/run.ts';

/** The result of an experiment, to be printed and saved. */
export interface Report {
  title: string;
  /** Appended to the name of its files, where an option makes it another report. */
  variant?: string;
  /** What was measured and how, in a few sentences: what a reader needs to understand the figures. */
  method: string;
  /** Raw figures, plain JSON. */
  figures: unknown;
  tables: Table[];
  charts: Chart[];
  verdicts: Verdict[];
}

/** The title of an experiment with an option for groups per user; with groups it is a report of its own. */
export function titleOf(title: string, groups: number): Pick<Report, 'title' | 'variant'> {
  return groups > 0 ? { title: `${title}, with ${groups} groups per user`, variant: 'groups' } : { title };
}

/** A sentence of the method of such an experiment; empty without groups. */
export function membersOfGroups(groups: number): string {
  return groups > 0 ? ` Each user is a member of ${groups} groups of ${GROUP_SIZE}, which have rooms.` : '';
}

/** One sentence about a figure and its target; `ok` false makes the exit code 1. */
export interface Verdict {
  text: string;
  ok: boolean;
}

export function verdict(ok: boolean, text: string): Verdict {
  return { text, ok };
}

/** Messages were acknowledged, and none of them was lost, duplicated or out of order. */
export function noErrors({ sent, refused, lost, duplicated, reordered }: Counts): Verdict {
  const ok = sent - refused - lost > 0 && lost + duplicated + reordered === 0;
  return { text: `of ${sent} messages ${lost} lost, ${duplicated} duplicated, ${reordered} out of order`, ok };
}

type Counts = Pick<Outcome, 'sent' | 'refused' | 'lost' | 'duplicated' | 'reordered'>;

/** Cells are printed as they are. The first column is aligned left, the others right. */
export interface Table {
  caption: string;
  columns: string[];
  rows: Cell[][];
}

type Cell = string | number;

/**
 * A column: its name, its cell for one item, and the digits after the point of a number (default: as it is). A field
 * name alone is a column with that name and that field.
 */
export type Column<Item> =
  | (keyof Item & string)
  | readonly [name: string, cell: (item: Item) => Cell | undefined, digits?: number];

/** A table with one row for each item. It has a dash where an item has no value, or NaN. */
export function table<Item>(caption: string, items: readonly Item[], columns: readonly Column<Item>[]): Table {
  const complete = columns.map((column) => {
    if (typeof column !== 'string') return column;
    return [column, (item: Item) => item[column] as Cell] as const;
  });
  const rows = items.map((item) => complete.map(([, cell, digits]) => written(cell(item), digits)));
  return { caption, columns: complete.map(([name]) => name), rows };
}

function written(cell: Cell | undefined, digits: number | undefined): Cell {
  if (cell === undefined || Number.isNaN(cell)) return '–';
  return typeof cell === 'number' && digits !== undefined ? cell.toFixed(digits) : cell;
}

/** A table of single figures. */
export function list(caption: string, rows: readonly (readonly [what: string, figure: Cell])[]): Table {
  return { caption, columns: ['what', 'figure'], rows: rows.map((row) => [...row]) };
}

/** Columns with percentiles in ms. */
export function latencyColumns<Item>(
  name: string,
  latencyOf: (item: Item) => Latency | undefined,
  percentiles: readonly (keyof Latency)[] = ['p50', 'p99'],
): Column<Item>[] {
  const title = (percentile: string, i: number) => (i === 0 ? `${name} ${percentile}` : percentile);
  return percentiles.map((percentile, i) => [title(percentile, i), (item) => latencyOf(item)?.[percentile], 1]);
}
