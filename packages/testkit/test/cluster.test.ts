import { expect } from 'chai';
import { startTestCluster } from '../src/index.ts';

describe('a test cluster', () => {
  it('stops once, however often `stop` is called', async () => {
    const cluster = await startTestCluster({ gatewayProcesses: 1 });
    const first = cluster.stop();
    await Promise.all([first, cluster.stop(), cluster[Symbol.asyncDispose]()]);
    await cluster.stop();
    const unreachable = await fetch(`${cluster.url}/healthz`).catch((error: Error) => error.message);
    expect(unreachable).to.equal('fetch failed');
  });
});
