import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { chartSvg, roundedJson } from '@chat-cluster/testkit/report';
import { machineFacts } from './machine.ts';
import type { Report, Table } from './report.ts';

const FOLDER = join(repository, 'load-tests/results');

/** The content of `<name>.json`. */
interface Saved extends Omit<Report, 'charts' | 'variant'> {
  command: string;
  date: string;
  machine: Awaited<ReturnType<typeof machineFacts>>;
}

/**
 * Writes `<name>.json`, `<name>.md` and `<name>-<chart>.svg`, with the command, today's date and this machine; and
 * README.md, the index of all reports. Charts of an earlier report are removed. `<name>` is `<experiment>`, or
 * `<experiment>-<variant>`.
 */
export async function saveReport(
  experiment: string,
  args: readonly string[],
  { charts, variant, ...report }: Report,
  folder = FOLDER,
): Promise<void> {
  const name = variant === undefined ? experiment : `${experiment}-${variant}`;
  const command = ['npm run bench --', experiment, ...args.filter((arg) => arg !== '--save')].join(' ');
  const date = new Date().toISOString().slice(0, 10);
  const saved: Saved = { command, date, machine: await machineFacts(), ...report };
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(folder)) {
    if (file.startsWith(`${name}-`) && /^\w+\.svg$/.test(file.slice(name.length + 1))) rmSync(join(folder, file));
  }
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
  write(`${name}.json`, roundedJson(saved));
  write(`${name}.md`, markdown(name, saved, charts));
  for (const chart of charts) write(`${name}-${chart.name}.svg`, chartSvg(chart));
  write('README.md', index(folder));
}

function markdown(name: string, saved: Saved, charts: Report['charts']): string {
  const { title, method, tables, verdicts, command, date } = saved;
  const { cpu, cores, memoryGb, kernel, node, redis, postgres, commit } = saved.machine;
  const machine = `${cores} cores (${cpu}) that also ran the load generator, ${memoryGb} GB, Linux ${kernel}`;
  return `${[
    `# ${title}`,
    method,
    verdicts.map(({ text, ok }) => `- ${ok ? '✔' : '✖'} ${text}`).join('\n'),
    charts.map((chart) => `![${chart.title}](${name}-${chart.name}.svg)`).join('\n\n'),
    ...tables.map((table) => `**${table.caption}**\n\n${markdownTable(table)}`),
    `Measured on ${date}: ${machine}, Node ${node}, ${redis}, Postgres ${postgres}, commit ${commit}. ` +
      `Raw figures: [${name}.json](${name}.json). Repeat it with:`,
    `\`\`\`sh\n${command}\n\`\`\``,
  ]
    .filter(Boolean)
    .join('\n\n')}\n`;
}

function markdownTable({ columns, rows }: Table): string {
  const rule = columns.map((_, i) => (i === 0 ? '---' : '---:'));
  return [columns, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function index(folder: string): string {
  const names = readdirSync(folder).filter((file) => file.endsWith('.json'));
  const rows = names.sort().map((file) => {
    const { title, date, machine, verdicts } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Saved;
    const missed = verdicts.filter(({ ok }) => !ok).length;
    const page = file.replace(/json$/, 'md');
    return `| [${title}](${page}) | ${date} | ${machine.commit} | ${missed === 0 ? 'all met' : `${missed} missed`} |`;
  });
  return `# Results

Written by \`npm run bench -- <experiment> --save\`; [bench](../bench/README.md) describes the experiments. Each page has its
command and its machine. The load generator shares the cores with the cluster, so compare ratios within one run, not figures
of different machines. Correctness under faults: see [verify](../verify/README.md).

| experiment | date | commit | targets |
|---|---|---|---|
${rows.join('\n')}

Figures that decided between two designs: [choices.md](choices.md).
`;
}
