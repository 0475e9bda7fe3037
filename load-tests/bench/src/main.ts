import { flagOption, parseOptions, runCommand, UserError } from '@chat-cluster/runtime';
import { z } from 'zod';
import { EXPERIMENTS } from './experiments.ts';
import { printReport } from './results/print.ts';
import { saveReport } from './results/save.ts';

/** The experiments of `all`, in their order. */
const ALL = ['compare', 'scale', 'idle', 'storm', 'overload'];

const HELP = `npm run bench -- [experiment] [options]

Measures a cluster of its own on this machine. --help after an experiment lists its options.

${EXPERIMENTS.map(({ name, about }) => `  ${name.padEnd(14)}${about}`).join('\n')}
  all           ${ALL.join(', ')}, one after the other, with their defaults

  --save        writes the report to load-tests/results

Exit code 1: a target was missed, or a message was lost, duplicated or out of order.
`;

await runCommand(async () => {
  const [first = 'pairs', ...rest] = process.argv.slice(2);
  if (['--help', '-h', 'help'].includes(first)) print(HELP);
  else if (first === 'all') await runAll(rest);
  else if (first.startsWith('-')) await run('pairs', [first, ...rest]);
  else await run(first, rest);
});

async function runAll(args: readonly string[]): Promise<void> {
  const options = parseOptions(args, z.object({ save: flagOption('') }));
  if (!options) print(HELP);
  else for (const name of ALL) await run(name, options.values.save ? ['--save'] : []);
}

async function run(name: string, args: readonly string[]): Promise<void> {
  const experiment = EXPERIMENTS.find((one) => one.name === name);
  if (!experiment) throw new UserError(`There is no experiment "${name}"; npm run bench -- --help lists them.`);
  const outcome = await experiment.run(args, print);
  if (!outcome) return print(experiment.help);
  const { report, save } = outcome;
  printReport(report, print);
  if (save) await saveReport(name, args, report);
  if (report.verdicts.some(({ ok }) => !ok)) process.exitCode = 1;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
