import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '@chat-cluster/local-cluster';
import { temporaryFolder } from '@chat-cluster/testkit';
import { expect } from 'chai';

describe('the prose check', () => {
  it('accepts plain sentences', async () => {
    const { status, stdout } = await check('The gateway notifies the worker.\nThe worker responds.\n');
    expect({ status, stdout }).to.deep.equal({ status: 0, stdout: 'prose: 1 file, 0 ruled-out phrases\n' });
  });

  it('rejects a ruled-out phrase, with its place and a plain form', async () => {
    const { status, stdout, file } = await check('The gateway notifies the worker.\nThen it tells the client.\n');
    expect(status).to.equal(1);
    expect(stdout.split('\n')).to.deep.equal([
      `${file}:2: "tells" → notifies, reports, shows, states`,
      '    Then it tells the client.',
      'prose: 1 file, 1 ruled-out phrase',
      '',
    ]);
  });

  it('finds phrases in comments and names too', async () => {
    const { stdout } = await check('/** Of one run. */\nlet whoever = heard;\n');
    expect(stdout).to.match(/"\/\*\* Of".*"heard".*"whoever".*3 ruled-out phrases/s);
  });
});

async function check(text: string) {
  await using folder = temporaryFolder();
  const file = join(folder.path, 'text.md');
  writeFileSync(file, text);
  const command = join(repository, 'infra/prose/src/check-prose.ts');
  return { ...spawnSync(process.execPath, [command, file], { encoding: 'utf8' }), file };
}
