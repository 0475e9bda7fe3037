import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis, toolsFolder } from '@chat-cluster/local-cluster';
import { eventually, startTestCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';

for (const [name, gatewayProcesses] of [
  ['one process', 1],
  ['two processes behind one port', 2],
] as const) {
  describe(`the readiness of a gateway of ${name}`, () => {
    it('shows the dependencies on the admin port only', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'chat-readiness-'));
      const cache = await startRedis({ dataDir: join(folder, 'redis'), toolsDir: toolsFolder, log: () => {} });
      const cluster = await startTestCluster({ gatewayProcesses, env: { REDIS_CACHE_URL: cache.url } });
      try {
        const gateway = cluster.processes.find((one) => one.name === 'gateway');
        const admin = async () => {
          const response = await fetch(`http://127.0.0.1:${gateway?.adminPort}/readyz`);
          return { status: response.status, ...((await response.json()) as object) };
        };
        const inAdmin = (redis: string, line: string) => ({
          status: 200,
          ready: true,
          checks:
            gatewayProcesses === 1
              ? { redis, postgres: 'ok', schema: 'ok' }
              : Object.fromEntries(cluster.gateways.map((one) => [one, line])),
        });
        await eventually(async () => expect(await admin()).to.deep.equal(inAdmin('ok', 'ok')));
        await cache.stop();
        await eventually(async () => expect(await admin()).to.deep.equal(inAdmin('away: cache', 'redis away: cache')));
        const response = await fetch(`${cluster.url}/readyz`);
        expect([response.status, await response.json()]).to.deep.equal([200, { ready: true }]);

        if (gatewayProcesses === 1) return;
        const pid = gateway?.pid;
        const forks = execFileSync('cat', [`/proc/${pid}/task/${pid}/children`], { encoding: 'utf8' });
        const [fork = 0] = forks.split(' ').map(Number);
        process.kill(fork, 'SIGSTOP');
        await eventually(async () => {
          const { checks } = (await admin()) as unknown as { checks: Record<string, string> };
          expect(Object.values(checks).sort()).to.deep.equal(['does not respond', 'redis away: cache']);
        });
        process.kill(fork, 'SIGCONT');
      } finally {
        await cluster.stop();
        await cache.stop();
        await rm(folder, { recursive: true, force: true });
      }
    });
  });
}
