import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect } from 'chai';
import { askRedis } from '../src/ask-redis.ts';
import { connect, newUser, openConversation } from '../src/client.ts';
import { eventually } from '../src/eventually.ts';
import { type FaultCluster, startFaultCluster } from '../src/fault-cluster.ts';

describe('the fault cluster', () => {
  let cluster: FaultCluster;

  before(async () => {
    cluster = await startFaultCluster({ gateways: 2, workers: 1 });
  });

  after(async () => {
    await cluster[Symbol.asyncDispose]();
    expect(readdirSync(tmpdir())).to.not.include(cluster.logsDir.split('/').at(-2));
  });

  const websocket = { transports: ['websocket'] };

  it('assigns websockets to its gateways in turn', async () => {
    const clients = await Promise.all(Array.from({ length: 4 }, () => connect(cluster, newUser('u'), websocket)));
    const gateways = clients.map(({ session }) => session.gatewayId);
    for (const client of clients) client.close();
    expect(gateways.sort()).to.deep.equal(['gateway-1', 'gateway-1', 'gateway-2', 'gateway-2']);
  });

  it('restarts processes that were killed, and distinguishes an exit ordered by a fault from other exits', async () => {
    const [first, second] = cluster.gateways;
    const pids = [first?.pid(), second?.pid()];
    first?.kill();
    process.kill(second?.pid() ?? 0, 'SIGKILL');
    await eventually(async () => {
      expect([first?.pid(), second?.pid()]).to.not.include.members(pids);
      expect([await first?.isReady(), await second?.isReady()]).to.deep.equal([true, true]);
    });
    expect(cluster.exits.map(({ process, ordered }) => [process, ordered]).sort()).to.deep.equal([
      ['gateway-1', true],
      ['gateway-2', false],
    ]);
  });

  it('starts Redis and Postgres again on the same port, with their data', async () => {
    const [alice, bob] = [newUser('alice'), newUser('bob')];
    const conversation = await openConversation(cluster, alice, bob);
    expect(await askRedis(cluster.redis.url, 'SET', 'kept', '42')).to.equal('OK');
    await Promise.all([cluster.redis.kill('SIGTERM'), cluster.postgres.kill()]);
    await Promise.all([cluster.redis.start(), cluster.postgres.start()]);
    expect(await askRedis(cluster.redis.url, 'GET', 'kept')).to.equal('42');
    expect(await eventually(() => openConversation(cluster, alice, bob))).to.equal(conversation);
  });

  it('has a separate link between each service and each server', async () => {
    const [first, second] = cluster.gateways;
    first?.redis.set({ kind: 'reset' });
    await eventually(() => {
      expect(first?.redis.connections).to.equal(0);
      expect(second?.redis.connections).to.be.greaterThan(0);
      expect(first?.postgres.connections).to.be.greaterThan(0);
    });
    first?.redis.set({ kind: 'pass' });
    await eventually(() => expect(first?.redis.connections).to.be.greaterThan(0));
    expect(await first?.metric('chat_connections')).to.be.a('number');
  });
});
