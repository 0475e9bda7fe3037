import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { askRedis, eventually, privateServers, startTestCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';

describe('the logs of a cluster on a Redis that may evict data', () => {
  it('are lines of JSON, also where BullMQ prints, and name the remedy once', async () => {
    const { redis } = await privateServers();
    await askRedis(redis.url, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    try {
      await using cluster = await startTestCluster({ gatewayProcesses: 1 });
      const readLines = async () => {
        const files = (await readdir(cluster.logsDir)).filter((name) => /^(gateway|worker)/.test(name));
        const texts = await Promise.all(files.map((name) => readFile(join(cluster.logsDir, name), 'utf8')));
        return texts.flatMap((text) => text.trimEnd().split('\n')).map((line) => JSON.parse(line));
      };
      await eventually(async () => {
        const lines = await readLines();
        const remedies = lines.filter(({ remedy }) => /maxmemory-policy noeviction/.test(remedy));
        expect(remedies.map(({ level, policy, msg }) => [level, policy, msg])).to.deep.equal([
          [50, 'allkeys-lru', 'lanes: redis may evict accepted messages'],
        ]);
        // All lanes have their connections by then.
        expect(lines.map(({ msg }) => msg)).to.include('worker: ready');
      });
      const printed = (await readLines()).filter(({ msg }) => /Eviction policy/.test(msg));
      expect(printed.map(({ level }) => level)).to.deep.equal([40]);
    } finally {
      await askRedis(redis.url, 'CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    }
  });
});
