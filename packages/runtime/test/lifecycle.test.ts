import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';

const program = fileURLToPath(new URL('./lifecycle-process.ts', import.meta.url));

/** Starts a process in the scenario. It is killed if it still runs when the test ends. */
async function start(scenario: string) {
  const child: ChildProcess = fork(program, [scenario], { silent: true });
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  // Not `close`, which is not emitted for a child whose IPC channel its parent has closed.
  const ended = Promise.all([once(child, 'exit'), child.stdout && once(child.stdout, 'end')]);
  await once(child, 'message');
  return {
    child,
    lines: () => output.trimEnd().split('\n').slice(1),
    /** Exit code, or the signal that killed it. */
    async end(): Promise<unknown> {
      const [[code, signal]] = await ended;
      return code ?? signal;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

const stopped = ['stopped last', 'stopped slow', 'stopped first'];

describe('lifecycle', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`stops everything in reverse order on ${signal}, one after the other, and exits with 0`, async () => {
      await using life = await start('plain');
      life.child.kill(signal);
      expect(await life.end()).to.equal(0);
      expect(life.lines()).to.deep.equal(['log: stopping', ...stopped, 'log: stopped']);
    });
  }

  it('stops when its parent is gone', async () => {
    await using life = await start('plain');
    life.child.disconnect();
    expect(await life.end()).to.equal(0);
    expect(life.lines()).to.include.members(stopped);
  });

  it('stops the other parts when one part fails to stop', async () => {
    await using life = await start('fails');
    life.child.kill();
    expect(await life.end()).to.equal(0);
    const failed = 'log: a part did not stop cleanly';
    expect(life.lines().slice(1, -1)).to.deep.equal([...stopped.slice(0, 2), failed, failed, 'stopped first']);
  });

  it('drains before the first stop, and continues that drain when SIGTERM follows', async () => {
    await using life = await start('drains');
    life.child.send('end');
    await eventually(() => expect(life.lines()).to.include('draining, stopping: true'));
    life.child.kill('SIGTERM');
    life.child.send('drained');
    expect(await life.end()).to.equal(0);
    expect(life.lines()).to.deep.equal([
      'log: stopping',
      'draining, stopping: true',
      'hurried',
      ...stopped,
      'log: stopped',
    ]);
  });

  it('hurries its drain on a second SIGTERM, and on the first SIGINT', async () => {
    for (const signals of [['SIGTERM', 'SIGTERM'], ['SIGINT']] as const) {
      await using life = await start('drains');
      for (const signal of signals) {
        life.child.kill(signal);
        await eventually(() => expect(life.lines()).to.include('draining, stopping: true'));
      }
      expect(await life.end()).to.equal(0);
      expect(life.lines()).to.deep.equal([
        'log: stopping',
        'draining, stopping: true',
        'hurried',
        ...stopped,
        'log: stopped',
      ]);
    }
  });

  it('hurries a drain that takes longer than its limit, and exits with 1 if that does not help', async () => {
    await using life = await start('stuck');
    life.child.kill('SIGTERM');
    expect(await life.end()).to.equal(1);
    expect(life.lines().slice(2)).to.deep.equal(['hurried', 'log: not stopped within 50 ms: exiting anyway']);
  });

  it('exits with 1 at once on a third signal', async () => {
    await using life = await start('hangs');
    life.child.kill('SIGTERM');
    await eventually(() => expect(life.lines()).to.include('stopped slow'));
    life.child.kill('SIGINT');
    await eventually(() => expect(life.lines()).to.include('received SIGINT'));
    expect(life.child.exitCode).to.equal(null);
    life.child.kill('SIGINT');
    expect(await life.end()).to.equal(1);
    expect(life.lines()).to.not.include('stopped first');
  });

  it('exits with 1 when the shared deadline of all stops has passed', async () => {
    await using life = await start('deadline');
    life.child.kill();
    expect(await life.end()).to.equal(1);
    expect(life.lines().at(-1)).to.equal('log: not stopped within 50 ms: exiting anyway');
  });

  it('stops each part once, however often it is called', async () => {
    await using life = await start('twice');
    life.child.send('stop');
    expect(await life.end()).to.equal(0);
    expect(life.lines()).to.deep.equal(['log: stopping', ...stopped, 'log: stopped']);
  });

  it('stops after an uncaught exception, and exits with 1', async () => {
    await using life = await start('uncaught');
    life.child.send('throw');
    expect(await life.end()).to.equal(1);
    expect(life.lines()[0]).to.include('uncaught exception');
    expect(life.lines()).to.include.members(stopped);
  });

  it('logs an unhandled rejection and continues', async () => {
    await using life = await start('unhandled');
    life.child.send('reject');
    await eventually(() => expect(life.lines()[0]).to.include('unhandled rejection'));
    expect(life.child.exitCode).to.equal(null);
    life.child.kill();
    expect(await life.end()).to.equal(0);
  });
});
