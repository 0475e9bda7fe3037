import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  connect,
  eventually,
  type FaultCluster,
  newUser,
  startFaultCluster,
  startFaultProxy,
} from '@chat-cluster/testkit';
import { openPolling, POLLING } from '@chat-cluster/testkit/balancers';
import { expect } from 'chai';

/** Longer than the time until a request is classified, in ms. */
const CLASSIFIED_MS = 30_000;

describe('long-polling through a load balancer without affinity', () => {
  let cluster: FaultCluster;

  before(async () => {
    cluster = await startFaultCluster({ gateways: 5, workers: 1, envOf: { 'gateway-5': { GATEWAY_PROCESSES: '2' } } });
  });
  after(() => cluster[Symbol.asyncDispose]());

  const [FIRST, SECOND, KILLED, SUCCESSOR, TWO_PROCESSES] = [0, 1, 2, 3, 4];
  const gateway = (index: number) => {
    const found = cluster.gateways[index];
    if (!found) throw new Error(`no gateway ${index}`);
    return found;
  };
  const urlOf = (index: number) => `http://127.0.0.1:${gateway(index).port}`;
  const misrouted = (index: number) => gateway(index).metric('chat_misrouted_polls_total');
  const warnings = async (index: number) =>
    (await readFile(join(cluster.logsDir, `${gateway(index).name}.log`), 'utf8'))
      .split('\n')
      .filter((line) => line.includes('cookie affinity'));

  it('is counted and logged with the fix; requests for a dead gateway are not', async () => {
    // The lease of the killed gateway is still valid when its session is polled elsewhere.
    const { sid } = await openPolling(urlOf(KILLED));
    gateway(KILLED).kill();
    for (let i = 0; i < 5; i++) {
      const poll = await fetch(`${urlOf(SUCCESSOR)}${POLLING}&sid=${sid}`);
      expect([poll.status, await poll.text()]).to.deep.equal([400, '{"code":1,"message":"Session ID unknown"}']);
    }

    await using roundRobin = await startFaultProxy({ upstreams: [gateway(FIRST).port, gateway(SECOND).port] });
    const target = { url: `http://127.0.0.1:${roundRobin.port}`, jwtSecret: cluster.jwtSecret };
    for (let i = 0; i < 10; i++) {
      const failure = await connect(target, newUser('lost'), { transports: ['polling'] }).catch(
        (error: Error) => error,
      );
      expect(failure).to.be.instanceOf(Error);
    }

    // Clients may keep step with the round-robin of the proxy, so all their sessions may be on one of the two gateways.
    await eventually(async () => {
      const counts = await Promise.all([FIRST, SECOND].map(misrouted));
      expect(counts.reduce<number>((sum, count = 0) => sum + count, 0)).to.be.at.least(10);
    }, CLASSIFIED_MS);
    const logged = await eventually(async () => {
      const lines = (await Promise.all([FIRST, SECOND].map(warnings))).flat();
      expect(lines).to.have.length.within(1, 2);
      return lines;
    });
    for (const line of logged) {
      expect(JSON.parse(line)).to.include({ level: 40 }).and.to.have.property('requests').that.is.at.least(1);
    }
    expect(await misrouted(SUCCESSOR)).to.equal(0);
    expect(await warnings(SUCCESSOR)).to.deep.equal([]);
  });

  it('counts no polls of sessions that ended on another process behind the same entry', async () => {
    const unknown = async (sid: string) => {
      const poll = await fetch(`${urlOf(TWO_PROCESSES)}${POLLING}&sid=${sid}`);
      expect([poll.status, await poll.text()]).to.deep.equal([400, '{"code":1,"message":"Session ID unknown"}']);
    };
    for (let i = 0; i < 40; i++) {
      const { sid } = await openPolling(urlOf(TWO_PROCESSES));
      // A packet of engine.io that closes the session.
      await fetch(`${urlOf(TWO_PROCESSES)}${POLLING}&sid=${sid}`, { method: 'POST', body: '1' });
      await unknown(sid);
    }
    // Sessions of another gateway are counted later than those, on both processes.
    const { sid } = await openPolling(urlOf(FIRST));
    for (let i = 0; i < 20; i++) await unknown(sid);
    await eventually(async () => expect(await misrouted(TWO_PROCESSES)).to.equal(20), CLASSIFIED_MS);
  });
});
