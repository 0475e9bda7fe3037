/*
 * `npm run doctor`. Settings come from the environment; the door of npm scripts (infra/local/src/operate.ts) fills in those
 * of the cluster that runs on this machine.
 */
import { styleText } from 'node:util';
import { ConfigError, describeError, UserError } from '@chat-cluster/runtime';
import { examine } from './examine.ts';
import type { Finding } from './finding.ts';
import { HELP, readSubject } from './options.ts';

const MARKS = {
  ok: styleText('green', '✔'),
  warning: styleText('yellow', '!'),
  failed: styleText('red', '✖'),
  skipped: styleText('dim', '–'),
};

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const known = error instanceof UserError || error instanceof ConfigError;
  process.stderr.write(
    `${styleText('red', '✖', { stream: process.stderr })} ${known ? error.message : describeError(error)}\n`,
  );
  process.exitCode = 1;
}

/** Resolves with the exit code. */
async function main(args: string[]): Promise<number> {
  const subject = readSubject(args, process.env);
  if (!subject) {
    process.stdout.write(HELP);
    return 0;
  }
  if (!subject.url && !subject.redis && !subject.databaseUrl) {
    throw new UserError('There is nothing to look at: give --url, or set DATABASE_URL and REDIS_URL; see --help.');
  }
  if (!subject.json && subject.url)
    process.stdout.write(`Idle connections are held for ${subject.idleMs / 1_000} s …\n\n`);
  const findings = await examine(subject);
  const failed = findings.filter(({ state }) => state === 'failed').length;
  process.stdout.write(subject.json ? `${JSON.stringify({ failed, findings }, null, 2)}\n` : textOf(findings, failed));
  return failed > 0 ? 1 : 0;
}

function textOf(findings: readonly Finding[], failed: number): string {
  const lines = findings.map(
    ({ check, state, found, fix }) =>
      `${MARKS[state]} ${styleText('bold', check)}: ${found}${fix === undefined ? '' : `\n    ${styleText('cyan', '→')} ${fix}`}`,
  );
  return `${lines.join('\n')}\n\n${failed === 0 ? 'Nothing is wrong.' : `${failed} failed.`}\n`;
}
