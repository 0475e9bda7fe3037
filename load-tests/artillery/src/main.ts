import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { styleText } from 'node:util';
import { runCommand, UserError } from '@chat-cluster/runtime';
import { HELP, type Options, readOptions } from './options.ts';
import { errorsOf, readReport, resultLines } from './report.ts';
import { installArtillery, runArtillery } from './run-artillery.ts';
import { findTarget } from './target.ts';

/** Exit codes of Artillery after Ctrl-C and SIGTERM. */
const INTERRUPTED = [130, 143];

await runCommand(async () => {
  const options = readOptions(process.argv.slice(2));
  if (options) process.exitCode = await load(options);
  else process.stdout.write(HELP);
});

/** Resolves with the exit code: 1 after any error or missed threshold. */
async function load(options: Options): Promise<number> {
  if (options.json !== undefined && !existsSync(dirname(options.json))) {
    throw new UserError(`--json: there is no folder ${dirname(options.json)}.`);
  }
  const target = await findTarget(options);
  await installArtillery();
  const form = options.short ? ', short form' : '';
  print(`${styleText('bold', options.scenario)}${form}, against ${target.url}\n`);
  const folder = mkdtempSync(join(tmpdir(), 'chat-artillery-'));
  try {
    const reportFile = options.json ?? join(folder, 'report.json');
    // An old report must not pass for that of a run without one.
    rmSync(reportFile, { force: true });
    const code = await runArtillery(options, target, reportFile);
    return printResult(options, code, reportFile);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Prints the result of a run that ended with `code`, and returns the exit code of the command. */
function printResult(options: Options, code: number, reportFile: string): number {
  if (INTERRUPTED.includes(code)) {
    print('Stopped early; there is no result.');
    return code;
  }
  if (!existsSync(reportFile)) throw new UserError(`Artillery ended with exit code ${code} and no report (see above).`);
  const report = readReport(reportFile);
  print(`\n${styleText('bold', options.scenario)}`);
  for (const line of resultLines(report)) print(line);
  const hasErrors = errorsOf(report).length > 0;
  if (code === 0 && !hasErrors) {
    print(`\n${styleText('green', '✔')} No error, and every threshold is met.`);
    return 0;
  }
  print(`\n${styleText('red', '✖')} ${hasErrors ? 'There were errors.' : 'A threshold is missed (fail: above).'}`);
  return 1;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
