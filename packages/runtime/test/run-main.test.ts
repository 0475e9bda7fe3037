import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const program = fileURLToPath(new URL('./run-main-process.ts', import.meta.url));
const run = (...args: string[]) => spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });

describe('runMain', () => {
  it('exits with 1 and one sentence when the operator can solve the problem', () => {
    const variable = run('wrong variable');
    expect(variable.status).to.equal(1);
    expect(variable.stderr).to.equal(
      'The configuration cannot be used:\n  - LANES: must be a whole number from 1 to 256\n',
    );
    const port = run('port in use');
    expect(port.status).to.equal(1);
    expect(port.stderr).to.match(/^Port \d+ is in use: .*PORT\.\n$/);
  });

  it('exits with 1 and the stack of any other error', () => {
    const { status, stderr } = run('fault');
    expect(status).to.equal(1);
    expect(stderr).to.match(/^TypeError: a fault\n {4}at .*run-main-process\.ts/);
    // Errors of Node that are not errors of the system have a code too.
    expect(run('fault with code').stderr).to.match(/^TypeError: Invalid URL\n.*at .*run-main-process\.ts/s);
  });

  it('notifies the parent process, if there is one, that it serves', async () => {
    expect(run()).to.include({ status: 0, stdout: 'serving\n' });
    const child = fork(program, { silent: true });
    const [[message], [code]] = await Promise.all([once(child, 'message'), once(child, 'exit')]);
    expect(message).to.deep.equal({ type: 'ready', port: 7 });
    expect(code).to.equal(0);
  });
});
