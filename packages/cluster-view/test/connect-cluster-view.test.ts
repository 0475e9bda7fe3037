import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connectClusterView } from '@chat-cluster/cluster-view';
import { createLogger } from '@chat-cluster/runtime';
import { connect, eventually, newUser, startTestCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { viewClient } from './view-client.ts';

describe('the cluster view of a process without connections of its own', () => {
  it('connects itself, serves and acts, and closes its connections', async () => {
    await using cluster = await startTestCluster({ lanes: 3 });
    const config = {
      DATABASE_URL: cluster.databaseUrl,
      REDIS_URL: cluster.redisUrl,
      REDIS_ADAPTER: 'sharded',
      LANES: 3,
      RECOUNT_LANES: 2,
    } as const;
    const logger = createLogger({ name: 'test', level: 'silent', format: 'json' });
    const view = await connectClusterView({ config, logger, canAct: true });
    const server = createServer((request, response) => void view.handle(request, response));
    try {
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const client = viewClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      await eventually(async () => {
        const { gateways, workers, lanes, canAct } = await client.overview();
        expect(gateways.map(({ name }) => name)).to.deep.equal(cluster.gateways);
        expect(workers.map(({ state }) => state)).to.deep.equal(['ready']);
        expect(lanes.map(({ worker }) => worker)).to.deep.equal(lanes.map(() => 'worker-1'));
        expect(lanes).to.have.length(5);
        expect(canAct).to.equal(true);
      });
      const alice = newUser('alice');
      const device = await connect(cluster, alice);
      const closed = once(device.socket as never, 'disconnect');
      expect(await client.post(`users/disconnect?id=${alice}`, {})).to.deep.equal({ done: '1 connection was closed.' });
      await closed;
      device.close();
    } finally {
      server.close();
      server.closeAllConnections();
      await view.close();
    }
  });
});
