import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ControlledService,
  connect,
  eventually,
  type FaultCluster,
  newUser,
  openConversation,
  startFaultCluster,
  type TestClient,
} from '@chat-cluster/testkit';
import { expect } from 'chai';
import { sql } from 'kysely';
import { INFRA } from './prometheus-program.ts';
import { type RunningPrometheus, startPrometheus } from './running-prometheus.ts';

interface Group {
  rules: { name: string; health: string; lastError?: string }[];
}

/** The faults are made one after the other, on one cluster; the alerts not made to fire here are tried in rules.test.ts. */
describe('Prometheus on a running cluster', () => {
  let cluster: FaultCluster;
  let prometheus: RunningPrometheus;
  let alice: TestClient;
  let conversationId: string;

  before(async function () {
    this.timeout(60_000);
    cluster = await startFaultCluster({ gateways: 2, workers: 1 });
    const portsOf = (services: ControlledService[]) => services.map(({ adminPort }) => adminPort);
    prometheus = await startPrometheus({ gateways: portsOf(cluster.gateways), workers: portsOf(cluster.workers) });
    const target = { url: `http://127.0.0.1:${cluster.gateways[0]?.port}`, jwtSecret: cluster.jwtSecret };
    const [a, b] = [newUser('alice'), newUser('bob')];
    conversationId = await openConversation(target, a, b);
    alice = await connect(target, a, { transports: ['websocket'] });
  });
  after(async () => {
    alice?.close();
    await prometheus?.[Symbol.asyncDispose]();
    await cluster?.[Symbol.asyncDispose]();
  });

  const send = () => alice.send({ conversationId, content: 'hello' });
  const gateway = () => cluster.gateways[1] as ControlledService;
  const worker = () => cluster.workers[0] as ControlledService;

  /** Awaits that each of them fires, not necessarily at the same time; meanwhile `act` again and again. */
  async function expectFiring(alerts: string[], act: () => unknown = () => {}): Promise<void> {
    const seen = new Set<string>();
    await eventually(async () => {
      await act();
      for (const alert of await prometheus.firing()) seen.add(alert);
      expect([...seen]).to.include.members(alerts);
    }, 20_000);
  }

  it('scrapes every gateway and worker', async () => {
    await eventually(async () => {
      const { activeTargets } = await prometheus.ask<{ activeTargets: { health: string }[] }>('targets');
      expect(activeTargets.map(({ health }) => health)).to.deep.equal(['up', 'up', 'up']);
    });
    expect((await send()).ok).to.equal(true);
  });

  it('evaluates every rule without an error, and nothing fires while all is well', async () => {
    await eventually(async () => {
      const { groups } = await prometheus.ask<{ groups: Group[] }>('rules');
      const rules = groups.flatMap((group) => group.rules);
      expect(rules.length).to.be.above(40);
      for (const { name, health, lastError = '' } of rules)
        expect([name, health, lastError]).to.deep.equal([name, 'ok', '']);
    });
    await eventually(async () => expect([...(await prometheus.firing())]).to.deep.equal([]));
  });

  it('answers the question of every panel', async () => {
    const dashboards = globSync('grafana/dashboards/*.json', { cwd: INFRA }).map((file) =>
      readFileSync(join(INFRA, file), 'utf8'),
    );
    const queries = dashboards.flatMap((text) => [...text.matchAll(/"expr": (".*")/g)].map(([, expr = '']) => expr));
    expect(queries.length).to.be.above(80);
    for (const query of queries) {
      const expression = (JSON.parse(query) as string).replaceAll('$__rate_interval', '1m');
      await prometheus.ask(`query?query=${encodeURIComponent(expression)}`);
    }
  });

  it('tells of a dead letter, and of a counter that drifted', async () => {
    await sql`insert into dead_letters (id, source, reason, entry)
      values (gen_random_uuid(), 'store', 'planted', '{}')`.execute(cluster.db);
    await sql`update participants set unread_count = unread_count + 7`.execute(cluster.db);
    await expectFiring(['ChatDeadLetters', 'ChatUnreadDrift']);
  });

  it('tells of a gateway that hangs', async () => {
    gateway().pause();
    await expectFiring(['ChatGatewayDown']);
    gateway().resume();
  });

  it('tells that Postgres is away, what waits for it, and afterwards of the slow acks', async () => {
    await cluster.postgres.kill();
    const ack = send();
    await expectFiring(['ChatPostgresUnreachable', 'ChatStoreRetries', 'ChatLaneLate']);
    await cluster.postgres.start();
    await ack;
    await expectFiring(['ChatAcksSlow', 'ChatDeliverySlow']);
  }).timeout(60_000);

  it('tells of lanes that nobody serves until another worker takes them', async () => {
    worker().kill();
    await expectFiring(['ChatLaneWithoutWorker']);
    await eventually(async () => expect(await prometheus.firing()).not.to.include('ChatLaneWithoutWorker'), 20_000);
  });

  it('tells that there is no worker at all', async () => {
    worker().pause();
    await expectFiring(['ChatNoWorker', 'ChatWorkerDown']);
    worker().resume();
  });

  it('tells that Redis is away, and of the sends that fail', async () => {
    await cluster.redis.pause();
    await expectFiring(['ChatRedisUnreachable', 'ChatAckErrors'], send);
    await cluster.redis.resume();
  });
});
