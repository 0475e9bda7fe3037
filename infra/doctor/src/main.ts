/*
 * `npm run doctor`. Settings come from the environment. infra/local/src/operate.ts, which npm starts, fills in the
 * missing ones from the cluster that runs on this machine.
 */
import { styleText } from 'node:util';
import { runCommand, UserError } from '@chat-cluster/runtime';
import { examine } from './examine.ts';
import type { Finding } from './finding.ts';
import { HELP, readDeployment } from './options.ts';

const MARKS = {
  ok: styleText('green', '✔'),
  warning: styleText('yellow', '!'),
  failed: styleText('red', '✖'),
  skipped: styleText('dim', '–'),
};

await runCommand(async () => {
  const deployment = readDeployment(process.argv.slice(2), process.env);
  if (!deployment) {
    process.stdout.write(HELP);
    return;
  }
  const { url, json, idleMs } = deployment;
  if (!url && !deployment.redis && !deployment.databaseUrl) {
    throw new UserError('Nothing to check: pass --url, or set DATABASE_URL and REDIS_URL. --help lists all options.');
  }
  if (!json && url) process.stdout.write(`Idle connections are kept open for ${idleMs / 1_000} s …\n\n`);
  const findings = await examine(deployment);
  const failed = findings.filter(({ state }) => state === 'failed').length;
  process.stdout.write(json ? `${JSON.stringify({ failed, findings }, null, 2)}\n` : textOf(findings, failed));
  if (failed > 0) process.exitCode = 1;
});

function textOf(findings: readonly Finding[], failed: number): string {
  const lines = findings.map(
    ({ check, state, found, fix }) =>
      `${MARKS[state]} ${styleText('bold', check)}: ${found}${fix === undefined ? '' : `\n    ${styleText('cyan', '→')} ${fix}`}`,
  );
  const total = failed === 0 ? 'No check failed.' : `${failed} ${failed === 1 ? 'check' : 'checks'} failed.`;
  return `${lines.join('\n')}\n\n${total}\n`;
}
