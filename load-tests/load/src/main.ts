import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { styleText } from 'node:util';
import { repository } from '@chat-cluster/local-cluster';
import { describeError, UserError } from '@chat-cluster/runtime';
import { count } from './figures.ts';
import { reportHtml } from './html.ts';
import { load } from './load.ts';
import { HELP, parseOptions } from './options.ts';
import { Progress } from './progress.ts';
import { align, countTable, latencyTable, passed, type Report } from './report.ts';

/** One Ctrl-C may come as several signals, from a terminal and from npm. Another one after that means: now. */
const SAME_SIGNAL_MS = 1_000;

const progress = new Progress();
const early = new AbortController();
let asked = Number.POSITIVE_INFINITY;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    const now = performance.now();
    if (now - asked > SAME_SIGNAL_MS) process.exit(130);
    asked = Math.min(asked, now);
    early.abort(new UserError('Ended before anything was sent.'));
  });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${styleText('red', '✖', { stream: process.stderr })} ${describeError(error)}\n`);
  process.exitCode = 1;
}

/** Resolves with the exit code. */
async function main(args: string[]): Promise<number> {
  const options = parseOptions(args);
  if (!options) {
    process.stdout.write(HELP);
    return 0;
  }
  const report = await load(options, args, progress, early.signal);
  progress.line(textOf(report));
  const time = report.date.slice(0, 19).replaceAll(':', '-');
  // A relative folder counts from where the command was called; npm runs it in the repository.
  const folder = resolve(process.env.INIT_CWD ?? '', options.out ?? join(repository, '.local/load', time));
  save(report, folder);
  progress.line(`\n  ${relative(process.env.INIT_CWD ?? process.cwd(), join(folder, 'report.html'))}`);
  return passed(report) ? 0 : 1;
}

function textOf(report: Report): string {
  const { generator, processes, details, verdicts } = report;
  const mark = { ok: styleText('green', '✔'), note: styleText('yellow', '!'), wrong: styleText('red', '✖') };
  const memory = generator.rss.map((bytes) => count(bytes / 2 ** 20)).join(', ');
  return [
    '',
    align(countTable(report)),
    '',
    align(latencyTable(report)),
    '',
    `  generator: ${processes} ${processes === 1 ? 'process' : 'processes'}, ${Math.round(generator.busiest * 100)} % of a core at most, ${generator.cpuMicrosecondsPerMessage.toFixed(0)} µs a message, ${memory} MiB`,
    '',
    ...verdicts.map(({ kind, text }) => `${mark[kind]} ${text}`),
    ...details.map((detail) => `    ${detail}`),
  ].join('\n');
}

function save(report: Report, folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'report.json'), `${JSON.stringify(report, rounded, 1)}\n`);
    writeFileSync(join(folder, 'report.html'), reportHtml(report));
  } catch (error) {
    throw new UserError(`The report cannot be written to ${folder} (${(error as NodeJS.ErrnoException).code}).`);
  }
}

/** Four decimals: more is noise, and makes the file long. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1e4) / 1e4 : value;
}
