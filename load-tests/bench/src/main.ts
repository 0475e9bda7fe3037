import { UserError } from '@chat-cluster/runtime';
import { compare } from './compare/compare.ts';
import { emitter } from './emitter/emitter.ts';
import type { Experiment } from './experiment.ts';
import { idle } from './experiments/idle.ts';
import { storm } from './experiments/storm.ts';
import { overload } from './overload/overload.ts';
import { pairs } from './pairs/pairs.ts';
import { printReport } from './results/print.ts';
import { saveReport } from './results/save.ts';
import { scale } from './scale/scale.ts';

const EXPERIMENTS: readonly Experiment[] = [compare, scale, idle, storm, overload, emitter];
/** Those of `all`, one after the other. */
const ALL = ['compare', 'scale', 'idle', 'storm', 'overload'];

const help = () => `npm run bench -- [experiment] [options]

Measures a cluster of its own on this machine. ${'`--help`'} after an experiment tells its options.

  pairs     pairs of users talk as fast as they can, or at a rate (the default)
${EXPERIMENTS.map(({ name, about }) => `  ${name.padEnd(10)}${about}`).join('\n')}
  all       ${ALL.join(', ')} one after the other, with their defaults

  --save    after any but pairs: writes load-tests/results
`;

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`✖ ${error instanceof UserError ? error.message : (error as Error).stack}\n`);
  process.exitCode = 1;
}

/** Resolves with the exit code: 1 when a figure misses its target or anything was lost or wrong. */
async function main(args: string[]): Promise<number> {
  const [name = 'pairs', ...rest] = args;
  if (name === '--help' || name === '-h' || name === 'help') {
    say(help());
    return 0;
  }
  if (name.startsWith('-')) return pairs(args, say);
  if (name === 'pairs') return pairs(rest, say);
  const experiments = EXPERIMENTS.filter((one) => (name === 'all' ? ALL.includes(one.name) : one.name === name));
  if (experiments.length === 0)
    throw new UserError(`There is no experiment ${name}; npm run bench -- --help has them all.`);
  if (rest.includes('--help') || rest.includes('-h')) {
    say(name === 'all' ? help() : (experiments[0]?.help ?? ''));
    return 0;
  }
  const save = rest.includes('--save');
  const options = rest.filter((argument) => argument !== '--save');
  if (name === 'all' && options.length > 0) throw new UserError('`all` takes no options but --save.');
  let failed = false;
  for (const experiment of experiments) {
    const report = await experiment.run(options, say);
    printReport(report, say);
    if (save) await saveReport(experiment.name, options, report);
    failed ||= report.verdicts.some(({ ok }) => !ok);
  }
  return failed ? 1 : 0;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
