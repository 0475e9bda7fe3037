import type { Chart } from './results/chart.ts';

/** One subcommand of `npm run bench`: it measures, and tells what it saw in a form that can be printed and saved. */
export interface Experiment {
  /** The subcommand, and the name of its files in load-tests/results. */
  name: string;
  /** One line for the list of subcommands. */
  about: string;
  /** All of `--help`. */
  help: string;
  /** Measures as the arguments say, without `--help` and `--save`. Throws UserError for an argument that is none. */
  run(args: string[], say: (line: string) => void): Promise<Report>;
}

export interface Report {
  title: string;
  /** What was measured and how, in a sentence or two: what a reader must know to understand the figures. */
  method: string;
  /** Raw figures, plain JSON. */
  figures: unknown;
  tables: Table[];
  charts: Chart[];
  verdicts: Verdict[];
}

/** Cells are printed as they are: round numbers before. The first column is aligned left, the others right. */
export interface Table {
  caption: string;
  columns: string[];
  rows: (string | number)[][];
}

/** One sentence about a figure and its target; `ok` false makes the exit code 1. */
export interface Verdict {
  text: string;
  ok: boolean;
}
