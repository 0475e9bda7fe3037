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

/** Longer than it takes until a request is judged. */
const JUDGED_MS = 30_000;

describe('long-polling through a balancer without affinity', () => {
  let cluster: FaultCluster;

  before(async () => {
    cluster = await startFaultCluster({ gateways: 4, workers: 1 });
  });
  after(() => cluster[Symbol.asyncDispose]());

  const [FIRST, SECOND, KILLED, ASKED_FOR_KILLED] = [0, 1, 2, 3];
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

  it('is counted and named in the log with the fix; clients of a gateway that died are not', async () => {
    // Who polls the killed gateway's sessions elsewhere does so while its lease still stands.
    const { sid } = await openPolling(urlOf(KILLED));
    gateway(KILLED).kill();
    for (let i = 0; i < 5; i++) {
      const poll = await fetch(`${urlOf(ASKED_FOR_KILLED)}${POLLING}&sid=${sid}`);
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

    // Which of the two a client begins with keeps step with the turns of the proxy, so it may always be the same one.
    await eventually(async () => {
      const counts = await Promise.all([FIRST, SECOND].map(misrouted));
      expect(counts.reduce<number>((sum, count = 0) => sum + count, 0)).to.be.at.least(10);
    }, JUDGED_MS);
    const said = (await Promise.all([FIRST, SECOND].map(warnings))).flat();
    expect(said).to.have.length.within(1, 2);
    for (const line of said) {
      expect(JSON.parse(line)).to.include({ level: 40 }).and.to.have.property('requests').that.is.at.least(1);
    }
    expect(await misrouted(ASKED_FOR_KILLED)).to.equal(0);
    expect(await warnings(ASKED_FOR_KILLED)).to.deep.equal([]);
  });
});
