import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { styleText } from 'node:util';
import { repository } from '@chat-cluster/local-cluster';
import { runCommand, UserError } from '@chat-cluster/runtime';
import { roundedJson } from '@chat-cluster/testkit/report';
import { count, processCount } from './format.ts';
import { reportHtml } from './html.ts';
import { load } from './load.ts';
import { HELP, readOptions } from './options.ts';
import { Progress } from './progress.ts';
import { align, countTable, latencyTable, passed, type Report } from './report.ts';

/** Signals within this time are one Ctrl-C, sent by the terminal and by npm, in ms. A later one exits at once. */
const SAME_SIGNAL_MS = 1_000;

const progress = new Progress();
const interrupted = new AbortController();
let interruptedAt = Number.POSITIVE_INFINITY;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    const now = performance.now();
    if (now - interruptedAt > SAME_SIGNAL_MS) process.exit(130);
    interruptedAt = Math.min(interruptedAt, now);
    interrupted.abort(new UserError('Stopped before the first message.'));
  });
}

await runCommand(async () => {
  const args = process.argv.slice(2);
  const options = readOptions(args);
  if (!options) {
    process.stdout.write(HELP);
    return;
  }
  const report = await load(options, args, progress, interrupted.signal);
  progress.line(textOf(report));
  const time = report.date.slice(0, 19).replaceAll(':', '-');
  // npm changes to the repository; a relative path is relative to where npm was called.
  const folder = resolve(process.env.INIT_CWD ?? '', options.out ?? join(repository, '.local/load', time));
  save(report, folder);
  progress.line(`\n  ${relative(process.env.INIT_CWD ?? process.cwd(), join(folder, 'report.html'))}`);
  process.exitCode = passed(report) ? 0 : 1;
});

function textOf(report: Report): string {
  const { generator, processes, details, verdicts } = report;
  const mark = { ok: styleText('green', '✔'), note: styleText('yellow', '!'), wrong: styleText('red', '✖') };
  const memory = generator.rss.map((bytes) => count(bytes / 2 ** 20)).join(', ');
  const cpu = `at most ${Math.round(generator.busiest * 100)} % of a core`;
  const perMessage = `${generator.cpuMicrosecondsPerMessage.toFixed(0)} µs per message`;
  return [
    '',
    align(countTable(report)),
    '',
    align(latencyTable(report)),
    '',
    `  generator: ${processCount(processes)}, ${cpu}, ${perMessage}, ${memory} MiB`,
    '',
    ...verdicts.map(({ kind, text }) => `${mark[kind]} ${text}`),
    ...details.map((detail) => `    ${detail}`),
  ].join('\n');
}

function save(report: Report, folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'report.json'), roundedJson(report));
    writeFileSync(join(folder, 'report.html'), reportHtml(report));
  } catch (error) {
    throw new UserError(`The report cannot be written to ${folder} (${(error as NodeJS.ErrnoException).code}).`);
  }
}
