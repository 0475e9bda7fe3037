import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, type FaultCluster, startFaultCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { ADMIN_TOKEN, viewClient } from './view-client.ts';

describe('the cluster view during faults', () => {
  let cluster: FaultCluster;
  let view: ReturnType<typeof viewClient>;

  before(async () => {
    cluster = await startFaultCluster({ gateways: 2, workers: 1, env: { ADMIN_TOKEN, LOG_LEVEL: 'info' } });
    view = viewClient(`http://127.0.0.1:${cluster.workers[0]?.adminPort}`);
    await healthy();
  });
  after(() => cluster?.[Symbol.asyncDispose]());

  const healthy = () =>
    eventually(async () => {
      const { verdict, gateways } = await view.overview();
      expect(verdict).to.deep.equal({ state: 'healthy', alerts: [] });
      expect(gateways.map(({ state }) => state)).to.deep.equal(['ready', 'ready']);
    });
  const alertNames = async () => {
    const { verdict } = await view.overview();
    return { state: verdict.state, names: verdict.alerts.map(({ name }) => name) };
  };
  const changesOf = async (name: string) =>
    (await view.overview()).changes.flatMap(({ subject, text }) => (subject === name ? [text] : []));

  it('logs each action with its actor, also when it is refused', async () => {
    await view.post('users/disconnect?id=alice', {});
    expect((await view.request('POST', 'dead-letters/drop', '{}')).status).to.equal(400);
    await eventually(async () => {
      const log = await readFile(join(cluster.logsDir, 'worker-1.log'), 'utf8');
      const lines = log.split('\n').filter((line) => line.includes('cluster view: an action'));
      expect(lines).to.have.length(2);
      for (const line of lines)
        expect(JSON.parse(line)).to.include.keys('time').and.include({ actor: 'olga (127.0.0.1)' });
      expect(lines[0]).to.include('"action":"users/disconnect","subject":"alice","done":"0 connections were closed."');
      expect(lines[1]).to.include('"msg":"cluster view: an action failed"');
    });
  });

  it('shows a gateway that does not run as silent, and degraded', async () => {
    const gateway = cluster.gateways[1];
    gateway?.pause();
    try {
      await eventually(async () => {
        const { gateways, verdict } = await view.overview();
        expect(gateways.map(({ state }) => state)).to.deep.equal(['ready', 'silent']);
        expect(gateways[1]).to.include({ name: 'gateway-2', pid: gateway?.pid(), acceptedPerSecond: 0 });
        expect(verdict.state).to.equal('degraded');
        expect(verdict.alerts).to.deep.equal([
          {
            name: 'ChatGatewayDown',
            severity: 'page',
            summary: 'gateway-2 is silent.',
            runbook: 'chatgatewaydown',
          },
        ]);
      });
      expect(await changesOf('gateway-2')).to.include('went silent');
      expect(await changesOf('')).to.include('degraded: ChatGatewayDown');
    } finally {
      gateway?.resume();
    }
    await healthy();
    expect((await changesOf('gateway-2'))[0]).to.equal('ready');
  });

  it('shows the process that replaces a killed one, and not the killed one', async () => {
    const killed = cluster.gateways[0]?.pid();
    cluster.gateways[0]?.kill();
    await eventually(async () => {
      const { gateways } = await view.overview();
      expect(gateways.map(({ name, state }) => `${name} ${state}`)).to.deep.equal([
        'gateway-1 ready',
        'gateway-2 ready',
      ]);
      expect(gateways[0]?.pid).not.to.equal(killed);
    });
    await healthy();
  });

  it('is broken while Redis hangs, and still shows the processes', async () => {
    await cluster.redis.pause();
    try {
      await eventually(async () => {
        expect(await alertNames()).to.deep.equal({ state: 'broken', names: ['ChatRedisUnreachable'] });
      });
      const { redis, lanes, gateways } = await view.overview();
      expect(redis.map(({ up }) => up)).to.deep.equal([false, false, false]);
      expect(lanes.map(({ fault }) => fault)).to.deep.equal(lanes.map(() => 'Its Redis does not respond'));
      expect(gateways.map(({ state }) => state)).to.deep.equal(['ready', 'ready']);
      const user = await view.get<{ connectionsUnknown?: string }>('users?id=alice');
      expect(user.connectionsUnknown).to.equal('Redis does not respond, so the gateways cannot be reached.');
      expect((await view.request('POST', 'users/disconnect?id=alice', '{}')).status).to.equal(503);
    } finally {
      await cluster.redis.resume();
    }
    await healthy();
  });

  it('is broken while Postgres hangs; lookups are refused in time', async () => {
    // The backends of open connections run on while the server is paused, so the link hangs.
    cluster.workers[0]?.postgres.set({ kind: 'blackhole' });
    try {
      await eventually(async () => {
        const { state, names } = await alertNames();
        expect(state).to.equal('broken');
        expect(names).to.include('ChatPostgresUnreachable');
      });
      const answer = await view.request('GET', 'users?id=alice');
      expect(answer.status).to.equal(503);
      expect(answer.body).to.have.nested.property('error.code', 'UNAVAILABLE');
      const others = await Promise.all(Array.from({ length: 5 }, () => view.request('GET', 'dead-letters')));
      expect(others.map(({ status }) => status)).to.deep.equal([503, 503, 503, 503, 503]);
      // One line for some seconds, however many pages are open.
      const log = await readFile(join(cluster.logsDir, 'worker-1.log'), 'utf8');
      expect(log.split('cluster view: requests failed').length - 1).to.be.within(1, 3);
    } finally {
      cluster.workers[0]?.postgres.set({ kind: 'pass' });
    }
    await healthy();
  });

  it('removes a worker that stops in order, and shows its successor', async () => {
    const stopped = cluster.workers[0]?.pid();
    cluster.workers[0]?.kill('SIGTERM');
    await eventually(async () => {
      const { workers } = await view.overview();
      expect(workers.map(({ name, state }) => `${name} ${state}`)).to.deep.equal(['worker-1 ready']);
      expect(workers[0]?.pid).not.to.equal(stopped);
    });
    await healthy();
  });
});
