import { cpus } from 'node:os';
import type { Report, Table } from '../experiment.ts';

/** Prints a report for a terminal. */
export function printReport({ title, method, tables, verdicts }: Report, say: (line: string) => void): void {
  say(
    `\n${title}\n${method}\n${cpus().length} cores (${cpus()[0]?.model.trim()}), load generator on the same cores, node ${process.version}`,
  );
  for (const table of tables) say(`\n${table.caption}\n${align(table)}`);
  say('');
  for (const { text, ok } of verdicts) say(`${ok ? '✔' : '✖'} ${text}`);
}

function align({ columns, rows }: Table): string {
  const lines = [columns, ...rows].map((row) => row.map(String));
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  return lines
    .map((line) =>
      line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
    )
    .join('\n');
}
