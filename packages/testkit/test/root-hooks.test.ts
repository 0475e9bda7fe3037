import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { eventually } from '../src/eventually.ts';
import { temporaryFolder } from '../src/temporary-folder.ts';

describe('the root hooks', () => {
  it('leave no paused server behind when SIGTERM ends the run', async () => {
    await using folder = temporaryFolder();
    const program = join(import.meta.dirname, 'root-hooks-process.ts');
    const run = spawn(process.execPath, [program, join(folder.path, 'log')], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [pid] = await once(run.stdout, 'data');
    expect(commandOf(pid)).to.include('sleep');
    run.kill('SIGTERM');
    expect(await once(run, 'close')).to.deep.equal([143, null]);
    await eventually(() => expect(commandOf(pid)).to.equal(''));
  });
});

/** Command line of a process; empty when it has ended. */
function commandOf(pid: Buffer): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
