import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { expect } from 'chai';
import type { Balancer } from './balancer.ts';
import { connect, newUser, type Target, type TestClient, tokenFor } from './client.ts';
import { eventually } from './eventually.ts';
import { type FaultCluster, startFaultCluster } from './fault-cluster.ts';
import { LightTraffic } from './light-traffic.ts';
import type { ClientOptions } from './protocol-suite/stage.ts';
import { CLIENT_KINDS, describeProtocol } from './protocol-suite.ts';

export interface BalancedCluster {
  balancer: Balancer;
  cluster: FaultCluster;
  /** The cluster behind the balancer. */
  target: Target;
}

/**
 * Registers with mocha the behaviours that a load balancer in front of gateways must have: the whole protocol with each
 * kind of client, affinity, and gateways that die or drain. `start` gets the ports of three gateways, gateway-1 to
 * gateway-3. Returns a function by which a test gets what was started. Takes about 40 s with all kinds of clients.
 */
export function describeBalancer(
  start: (gatewayPorts: number[]) => Promise<Balancer>,
  kinds: readonly (keyof typeof CLIENT_KINDS)[] = ['websocket', 'polling', 'upgrade'],
): () => BalancedCluster {
  let started: BalancedCluster | undefined;
  const undo = new AsyncDisposableStack();
  const balanced = () => {
    if (!started) throw new Error('used before it was started');
    return started;
  };

  before(async () => {
    // Includes the download of the balancer on first use.
    const cluster = undo.use(await startFaultCluster({ gateways: 3, workers: 1 }));
    const balancer = undo.use(await start(cluster.gateways.map(({ port }) => port)));
    started = { balancer, cluster, target: { url: balancer.url, jwtSecret: cluster.jwtSecret } };
  });
  after(() => undo.disposeAsync());

  for (const kind of kinds) {
    describe(`with ${kind} clients`, () => describeProtocol(() => balanced().target, { clients: CLIENT_KINDS[kind] }));
  }
  describe('at its edge', () => edgeBehaviours(balanced, start));
  // Last: a balancer may send few sessions to a gateway that has just returned, and the protocol needs two gateways.
  describe('a gateway', () => faultBehaviours(balanced));
  return balanced;
}

function edgeBehaviours(balanced: () => BalancedCluster, start: (gatewayPorts: number[]) => Promise<Balancer>): void {
  it('adds the address of the client, which TRUSTED_HOPS=1 counts: neither an invented one nor that of the proxy', async () => {
    const env = { TRUSTED_HOPS: '1', CONNECTS_PER_SECOND_PER_ADDRESS: '1' };
    await using cluster = await startFaultCluster({ gateways: 1, workers: 0, env });
    await using balancer = await start(Array<number>(3).fill(cluster.gateways[0]?.port ?? 0));
    const connect = (from: string, invented: string) => statusOf(balancer.url + POLLING, from, invented);
    // Five of them at once are allowed.
    const statuses = await Promise.all(Array.from({ length: 40 }, (_, i) => connect('127.0.0.2', `203.0.113.${i}`)));
    expect(statuses).to.include(429);
    expect(await connect('127.0.0.3', '127.0.0.2')).to.equal(200);
  });

  it('spreads new sessions over all gateways, and keeps each session on its gateway by a cookie', async () => {
    const opened = await Promise.all(Array.from({ length: 30 }, () => openPolling(balanced().target.url)));
    expect(new Set(opened.map(({ gateway }) => gateway))).to.have.property('size', 3);
    for (const { sid, gateway, cookie } of opened) {
      const poll = await fetch(`${balanced().target.url}${POLLING}&sid=${sid}`, closing(cookie));
      expect([poll.status, poll.headers.get('x-gateway-id')]).to.deep.equal([200, gateway]);
      expect(poll.headers.getSetCookie()).to.deep.equal([]);
    }
  });

  it('does not expose probes and metrics, in any spelling of their paths', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics', '/METRICS', '/metrics/', '//metrics', '/%6Detrics?x=1']) {
      expect((await fetch(balanced().target.url + path)).status, path).to.equal(404);
    }
    const docs = await fetch(`${balanced().target.url}/api/docs.json`);
    // A body that is not read would keep its connection open.
    expect(await docs.json()).to.have.property('openapi');
  });

  it('logs requests without their query, which may contain a token', async () => {
    const { balancer, target } = balanced();
    const token = tokenFor(target, newUser('logged'));
    await openPolling(target.url, `&token=${token}`);
    await eventually(() => expect(balancer.log()).to.match(/GET \/socket\.io\/(?!\?)/));
    expect(balancer.log()).not.to.include('token=');
    expect(balancer.log()).not.to.include(token);
  });
}

/** Status of a request from a local address, with a header that pretends another one. */
async function statusOf(url: string, localAddress: string, invented: string): Promise<number | undefined> {
  const request = get(url, { localAddress, agent: false, headers: { 'x-forwarded-for': invented } });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

function faultBehaviours(balanced: () => BalancedCluster): void {
  for (const [how, signal] of [
    ['is killed', 'SIGKILL'],
    ['drains', 'SIGTERM'],
  ] as const) {
    it(`that ${how}: its clients reconnect elsewhere, nothing is lost, other clients are not disturbed`, async () => {
      const { cluster, target } = balanced();
      await allReady(cluster);
      await using traffic = await LightTraffic.start(target, [CLIENT_KINDS.websocket, CLIENT_KINDS.polling]);
      const victim = cluster.gateways.find(({ name }) => name === traffic.gateways()[0]);
      const touched = traffic.talkersOn(victim?.name ?? '');
      const untouched = traffic.talkers.filter((talker) => !touched.includes(talker));
      await traffic.settled();
      victim?.kill(signal);
      const newcomers = await traffic.newcomers(12);
      await eventually(() => {
        for (const talker of touched) expect(talker.connects, talker.client.userId).to.be.greaterThan(1);
      });
      await traffic.settled();
      await traffic.stop();
      expect(untouched.map(({ connects }) => connects)).to.deep.equal(untouched.map(() => 1));
      // One until the next health check of the balancer, which may be late on a busy machine.
      for (const refusals of newcomers) expect(refusals).to.be.at.most(2);
      await traffic.check();
    });
  }
}

/** Waits until the gateways that an earlier test ended are ready again. */
function allReady({ gateways }: FaultCluster): Promise<void> {
  return eventually(async () => {
    for (const gateway of gateways) expect(await gateway.isReady(), gateway.name).to.equal(true);
  });
}

/**
 * Checks `drain`, which excludes gateway-1 from new sessions: its open sessions continue undisturbed, over websockets
 * and over polling, and new sessions go to other gateways.
 */
export async function expectDrain({ cluster, target }: BalancedCluster, drain: () => Promise<void>): Promise<void> {
  const clients: TestClient[] = [];
  await allReady(cluster);
  try {
    // Repeated: a gateway that an earlier test ended may get few sessions at first.
    const on1 = (kind: ClientOptions) =>
      eventually(async () => {
        const client = await connect(target, newUser('stays'), kind);
        clients.push(client);
        expect(client.session.gatewayId).to.equal('gateway-1');
        return client;
      });
    const stay = [await on1(CLIENT_KINDS.websocket), await on1(CLIENT_KINDS.polling)];
    await drain();
    for (const { socket } of stay) {
      const { id } = socket;
      const answer = await socket.timeout(5_000).emitWithAck('sync', { conversations: [] });
      expect([answer.ok, socket.id]).to.deep.equal([true, id]);
    }
    const opened = await Promise.all(Array.from({ length: 20 }, () => openPolling(target.url)));
    expect(opened.map(({ gateway }) => gateway)).not.to.include('gateway-1');
    for (const kind of Object.values(CLIENT_KINDS)) {
      const client = await connect(target, newUser('late'), kind);
      clients.push(client);
      expect(client.session.gatewayId).not.to.equal('gateway-1');
    }
  } finally {
    for (const client of clients) client.close();
  }
}

export const POLLING = '/socket.io/?EIO=4&transport=polling';

/** A request that ends its polling session. */
export function closing(cookie: string): RequestInit {
  return { method: 'POST', headers: { cookie }, body: '1' };
}

/** Opens a polling session without authentication. `cookie` keeps it on its gateway. */
export async function openPolling(
  url: string,
  query = '',
  headers: Record<string, string> = {},
): Promise<{ sid: string; gateway: string; cookie: string }> {
  const response = await fetch(url + POLLING + query, { headers });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  return {
    sid: (JSON.parse(text.slice(1)) as { sid: string }).sid,
    gateway: response.headers.get('x-gateway-id') ?? '',
    cookie: response.headers.getSetCookie()[0]?.split(';')[0] ?? headers.cookie ?? '',
  };
}
