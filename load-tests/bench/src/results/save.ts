import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import type { Report, Table } from '../experiment.ts';
import { chartSvg } from './chart.ts';
import { type MachineFacts, machineFacts } from './machine.ts';

const FOLDER = join(repository, 'load-tests/results');

/** What `<name>.json` holds. */
interface Saved extends Omit<Report, 'charts'> {
  command: string;
  date: string;
  machine: MachineFacts;
}

/** Writes `<name>.json`, `<name>.md` and `<name>-<chart>.svg` in place of older ones, and the index of all. */
export async function saveReport(
  name: string,
  options: readonly string[],
  report: Report,
  folder = FOLDER,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(folder)) {
    if (file.startsWith(`${name}-`) && file.endsWith('.svg')) rmSync(join(folder, file));
  }
  const { charts, ...rest } = report;
  const command = ['npm run bench --', name, ...options].join(' ');
  const date = new Date().toISOString().slice(0, 10);
  const saved: Saved = { command, date, machine: await machineFacts(), ...rest };
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
  write(`${name}.json`, `${JSON.stringify(saved, rounded, 1)}\n`);
  write(`${name}.md`, markdown(name, saved, charts));
  for (const chart of charts) write(`${name}-${chart.name}.svg`, chartSvg(chart));
  write('README.md', index(folder));
}

/** Four decimals: more is noise, and makes the file long. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1e4) / 1e4 : value;
}

function markdown(name: string, saved: Saved, charts: Report['charts']): string {
  const { title, method, tables, verdicts, command, date, machine } = saved;
  return [
    `# ${title}`,
    method,
    verdicts.map(({ text, ok }) => `- ${ok ? '✔' : '✖'} ${text}`).join('\n'),
    charts.map((chart) => `![${chart.title}](${name}-${chart.name}.svg)`).join('\n\n'),
    ...tables.map((table) => `**${table.caption}**\n\n${markdownTable(table)}`),
    `Measured on ${date}: ${describeMachine(machine)}. Raw figures: [${name}.json](${name}.json). Again:`,
    `\`\`\`sh\n${command}\n\`\`\``,
  ]
    .filter(Boolean)
    .join('\n\n')
    .concat('\n');
}

function markdownTable({ columns, rows }: Table): string {
  const rule = columns.map((_, i) => (i === 0 ? '---' : '---:'));
  return [columns, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function describeMachine(machine: MachineFacts): string {
  const { cpu, cores, memoryGb, kernel, node, redis, postgres, commit } = machine;
  return (
    `${cores} cores (${cpu}) with the load generator on them, ${memoryGb} GB, Linux ${kernel}, Node ${node}, ${redis}, ` +
    `Postgres ${postgres}, commit ${commit}`
  );
}

function index(folder: string): string {
  const names = readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
  const rows = names.map((name) => {
    const { title, date, machine, verdicts } = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Saved;
    const missed = verdicts.filter(({ ok }) => !ok).length;
    return `| [${title}](${name}.md) | ${date} | ${machine.commit} | ${missed === 0 ? 'all met' : `${missed} missed`} |`;
  });
  return `# Results

Written by \`npm run bench -- <experiment> --save\` (\`npm run bench -- --help\` lists them); each page has its command and its
machine. The load generator shares the cores with the cluster, so what compares is ratios within one run, not figures of
different machines. Correctness under faults is not here: see [verify](../verify/README.md).

| experiment | date | commit | targets |
|---|---|---|---|
${rows.join('\n')}
`;
}
