import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { styleText } from 'node:util';
import { runCommand, UserError } from '@chat-cluster/runtime';
import { type Options, parseOptions } from './options.ts';
import { errorsOf, readReport, resultLines } from './report.ts';
import { installArtillery, runArtillery } from './run-artillery.ts';
import { findTarget } from './target.ts';

/** Of artillery after Ctrl-C and SIGTERM. */
const INTERRUPTED = [130, 143];

await runCommand(async () => {
  const options = parseOptions(process.argv.slice(2));
  if (options) process.exitCode = await load(options);
});

/** Resolves with the exit code: 1 after any error or missed threshold. */
async function load(options: Options): Promise<number> {
  if (options.json !== undefined && !existsSync(dirname(options.json))) {
    throw new UserError(`--json: there is no folder ${dirname(options.json)}.`);
  }
  const target = await findTarget(options);
  await installArtillery();
  const form = options.short ? ', the short form' : '';
  say(`${styleText('bold', options.scenario)}${form}, against ${target.url}\n`);
  const folder = mkdtempSync(join(tmpdir(), 'chat-artillery-'));
  try {
    const reportFile = options.json ?? join(folder, 'report.json');
    // An older one must not be taken for the report of a run that has none.
    rmSync(reportFile, { force: true });
    const code = await runArtillery(options, target, reportFile);
    return judge(options, code, reportFile);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function judge(options: Options, code: number, reportFile: string): number {
  if (INTERRUPTED.includes(code)) {
    say('Stopped before its end; there is no result.');
    return code;
  }
  if (!existsSync(reportFile)) throw new UserError(`Artillery ended with exit code ${code} and no report (see above).`);
  const report = readReport(reportFile);
  say(`\n${styleText('bold', options.scenario)}`);
  for (const line of resultLines(report)) say(line);
  const wrong = errorsOf(report).length > 0;
  if (code === 0 && !wrong) say(`\n${styleText('green', '✔')} No error, and every threshold is met.`);
  else say(`\n${styleText('red', '✖')} ${wrong ? 'There were errors.' : 'A threshold is missed (fail: above).'}`);
  return code === 0 && !wrong ? 0 : 1;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
