import { eventually } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { holdServer, isRunning } from './held-server.ts';

describe('a service process', () => {
  it('ends with its parent, even when it is paused and the parent is killed with -9', async () => {
    const held = await holdServer('service', '');
    process.kill(held.pid, 'SIGSTOP');
    await held.killOwner();
    await eventually(() => expect(isRunning(held.pid)).to.equal(false));
  });
});
