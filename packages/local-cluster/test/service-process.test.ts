import { readFileSync } from 'node:fs';
import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { holdServer } from './held-server.ts';

describe('a service process', () => {
  it('ends with its parent, even when it is paused and the parent is killed with -9', async () => {
    const held = await holdServer('service', '');
    process.kill(held.pid, 'SIGSTOP');
    await held.killOwner();
    await eventually(() => expect(isRunning(held.pid)).to.equal(false));
  });
});

/** False also for a process that has ended and that its parent has not collected yet. */
function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}
