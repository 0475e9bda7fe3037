import { cpus } from 'node:os';
import type { Report, Table } from './report.ts';

/** Prints a report for a terminal. */
export function printReport({ title, method, tables, verdicts }: Report, print: (line: string) => void): void {
  const machine = `${cpus().length} cores (${cpus()[0]?.model.trim()}) that also ran the load generator, node ${process.version}`;
  print(`\n${title}\n${method}\n${machine}`);
  for (const table of tables) print(`\n${table.caption}\n${align(table)}`);
  print('');
  for (const { text, ok } of verdicts) print(`${ok ? '✔' : '✖'} ${text}`);
}

function align({ columns, rows }: Table): string {
  const lines = [columns, ...rows].map((row) => row.map(String));
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  const pad = (cell: string, i: number) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0));
  return lines.map((line) => line.map(pad).join('  ')).join('\n');
}
