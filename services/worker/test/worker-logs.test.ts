import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { askRedis, eventually, startFaultCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';

describe('the log of a worker on a Redis that may evict data', () => {
  it('has only lines of JSON, also where BullMQ prints, and names the remedy once', async () => {
    await using cluster = await startFaultCluster({ gateways: 1, workers: 1 });
    await askRedis(cluster.redis.url, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    const [worker] = cluster.workers;
    const before = worker?.pid();
    worker?.kill('SIGTERM');
    // Ready: all lanes have their connections.
    await eventually(async () => {
      expect(worker?.pid()).to.not.equal(before);
      expect(await worker?.isReady()).to.equal(true);
    });
    const log = await readFile(join(cluster.logsDir, 'worker-1.log'), 'utf8');
    const lines = log
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    // The earlier process also prints it, if BullMQ opens a connection between the change and its end.
    const evictions = lines.filter(({ msg, pid }) => /evict/i.test(msg) && pid === worker?.pid());
    expect(evictions.map(({ level, policy, msg, printed }) => [level, policy ?? printed, msg])).to.deep.equal([
      [50, 'allkeys-lru', 'lanes: redis may evict accepted messages'],
      [40, 'stderr', 'IMPORTANT! Eviction policy is allkeys-lru. It should be "noeviction"'],
    ]);
    expect(evictions[0]?.remedy).to.include('maxmemory-policy noeviction');
  });
});
