import { signToken } from '@chat-cluster/local-cluster';
import {
  eventually,
  type FaultCluster,
  newUser,
  seededRandom,
  startFaultCluster,
  startTestCluster,
} from '@chat-cluster/testkit';
import { expect } from 'chai';
import { openUnauthenticated, UNAUTHENTICATED_KINDS } from '../src/clients/unauthenticated.ts';
import { rollingRestart } from '../src/faults/deploys.ts';
import { postgresFailover } from '../src/faults/postgres-faults.ts';
import { FAULTS } from '../src/faults.ts';
import { type RoundReport, type RoundTiming, runRound } from '../src/round.ts';

/** Short phases. Deadlines of expectations are longer, because other tests use the machine too; guarantees have none. */
const TIMING: RoundTiming = { warmUpMs: 300, phaseMs: 500, afterMs: 500, deadlineFactor: 4 };
/** Delay of a gateway on a busy machine, in ms. A connection that a gateway never closes is kept for 30 s or more. */
const MARGIN_MS = 5_000;
const SEED = 'short';
/** Faults that also run with groups: a small one, and one of more than 32 members, which has a room. */
const WITH_GROUPS = ['F4', 'F8'];
const GROUP_SIZES = [3, 40];

/** One short round each on one cluster; `npm run verify` is the long form. */
describe('a cluster under faults', () => {
  let cluster: FaultCluster;

  before(async () => {
    cluster = await startFaultCluster({ gateways: 2, workers: 2, random: seededRandom(SEED) });
  });

  after(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  // F25 is last, because it leaves the schema of a later version.
  for (const id of ['F2', 'F4', 'F8', 'F13', 'F15', 'F25']) {
    const fault = FAULTS.find((one) => one.id === id);

    it(`keeps its guarantees (${id}: ${fault?.title})`, async () => {
      if (!fault) throw new Error(`there is no fault ${id}`);
      const groupSizes = WITH_GROUPS.includes(id) ? GROUP_SIZES : [];
      const options = { seed: SEED, round: 1, pairs: 6, rate: 50, groupSizes, timing: TIMING };
      const report = await runRound(fault, cluster, options);
      expect(report.verdict.violations).to.deep.equal([]);
      expect(report.breaches).to.deep.equal([]);
      expect(report.verdict.seen.acked, 'messages acknowledged').to.be.greaterThan(20);
      // The groups themselves are one change each.
      if (groupSizes.length > 0) expect(report.verdict.seen.changed, 'changes').to.be.greaterThan(groupSizes.length);
      expect(received(report), 'live deliveries').to.be.greaterThan(20);
      expect(report.healMs, 'ms until every lane works again').to.be.a('number');
    });
  }
});

describe('a cluster of its own', () => {
  for (const id of ['F27', 'F32']) {
    const fault = FAULTS.find((one) => one.id === id);

    it(`keeps its guarantees (${id}: ${fault?.title})`, async () => {
      if (!fault) throw new Error(`there is no fault ${id}`);
      const random = seededRandom(SEED);
      await using cluster = await startFaultCluster({ ...(fault.cluster as object), gateways: 2, workers: 2, random });
      const report = await runRound(fault, cluster, { seed: SEED, round: 1, pairs: 6, rate: 30, timing: TIMING });
      expect(report.verdict.violations).to.deep.equal([]);
      expect(report.breaches).to.deep.equal([]);
      expect(report.healMs, 'ms until every lane works again').to.be.a('number');
    });
  }
});

describe('a failover of Postgres behind one address', () => {
  for (const [round, old] of [
    [1, 'stays open and becomes read-only'],
    [2, 'restarts as a standby that the address still leads to'],
  ] as const) {
    it(`loses nothing when the old primary ${old}`, async () => {
      const options = { gateways: 2, workers: 2, postgresStandby: true, random: seededRandom(SEED) };
      await using cluster = await startFaultCluster(options);
      const report = await runRound(postgresFailover, cluster, {
        seed: SEED,
        round,
        pairs: 6,
        rate: 50,
        timing: TIMING,
      });
      expect(report.verdict.violations).to.deep.equal([]);
      expect(report.breaches).to.deep.equal([]);
      expect(report.healMs, 'ms until every lane works again').to.be.a('number');
      const [gateway] = cluster.gateways;
      // The state of the last probe, of which there is one every 5 s.
      await eventually(async () => {
        const ready = await fetch(`http://127.0.0.1:${gateway?.adminPort}/readyz`);
        expect(await ready.json()).to.have.nested.property('checks.postgres', 'ok');
      }, 10_000 * TIMING.deadlineFactor);
    });
  }
});

describe('a deploy under load', () => {
  it('of a gateway and a worker behind HAProxy causes no error, loss or reconnect spike', async () => {
    const fault = rollingRestart({ gateways: 2, workers: 2, ofEach: 1 });
    await using cluster = await startFaultCluster({ ...(fault.cluster as object), random: seededRandom(SEED) });
    const report = await runRound(fault, cluster, { seed: SEED, round: 1, pairs: 12, rate: 30, timing: TIMING });
    expect(report.verdict.violations).to.deep.equal([]);
    expect(report.breaches).to.deep.equal([]);
    expect(report.row).to.include({ lost: 0, duplicated: 0, 'HTTP 5xx': 0 });
  });
});

/** F17 opens thousands of them. */
describe('connections that never authenticate', () => {
  const forgedToken = signToken(newUser('stranger'), 'a secret that no gateway has, 32 characters');

  async function expectClosed(port: number): Promise<void> {
    const clients = UNAUTHENTICATED_KINDS.map((kind) => openUnauthenticated(port, kind, forgedToken));
    try {
      await eventually(() => {
        expect(clients.filter(({ ended }) => !ended).map(({ kind }) => kind)).to.deep.equal([]);
      }, 10_000 * TIMING.deadlineFactor);
      for (const { kind, keptMs } of clients) expect(keptMs, kind).to.be.lessThan(10_000 + MARGIN_MS);
    } finally {
      for (const client of clients) client.close();
    }
  }

  it('are closed within 10 s, at any step before authentication', async () => {
    await using cluster = await startFaultCluster({ gateways: 1, workers: 1, random: seededRandom(SEED) });
    await expectClosed(cluster.gateways[0]?.port ?? 0);
  });

  it('are closed within 10 s by a gateway of several processes', async () => {
    await using cluster = await startTestCluster({ gatewayProcesses: 2 });
    await expectClosed(cluster.port);
  });
});

function received({ history }: RoundReport): number {
  return history.devices.flatMap(({ events }) => events).filter(({ kind }) => kind === 'message').length;
}
