import { cpus } from 'node:os';
import { alignRows } from '@chat-cluster/testkit/report';
import type { Report } from './report.ts';

/** Prints a report for a terminal. */
export function printReport({ title, method, tables, verdicts }: Report, print: (line: string) => void): void {
  const machine = `${cpus().length} cores (${cpus()[0]?.model.trim()}) that also ran the load generator, node ${process.version}`;
  print(`\n${title}\n${method}\n${machine}`);
  for (const { caption, columns, rows } of tables) print(`\n${caption}\n${alignRows([columns, ...rows]).join('\n')}`);
  print('');
  for (const { text, ok } of verdicts) print(`${ok ? '✔' : '✖'} ${text}`);
}
