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
import { rollingRestart } from '../src/faults/deploys.ts';
import { FAULTS } from '../src/faults.ts';
import { type Pace, type RoundReport, runRound } from '../src/round.ts';
import { STRANGERS, sendStranger } from '../src/strangers.ts';

/** Short, and patient: other tests may share the machine. The promises themselves know no patience. */
const PACE: Pace = { warmUpMs: 300, phaseMs: 500, afterMs: 500, patience: 4 };
/** For a gateway that other tests keep from looking at the clock; what is forgotten is kept for 30 s and more. */
const MARGIN_MS = 5_000;
const SEED = 'short';

/** One short round each on one cluster; `npm run verify` is the long form. */
describe('the product under faults', () => {
  let cluster: FaultCluster;

  before(async () => {
    cluster = await startFaultCluster({ gateways: 2, workers: 2, random: seededRandom(SEED) });
  });

  after(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  // The last one leaves the schema of a later version behind.
  for (const id of ['F2', 'F4', 'F8', 'F13', 'F15', 'F25']) {
    const fault = FAULTS.find((one) => one.id === id);

    it(`keeps its promises when this happens: ${fault?.title}`, async () => {
      if (!fault) throw new Error(`${id} is not in the catalogue`);
      const report = await runRound(fault, cluster, { seed: SEED, round: 1, pairs: 6, rate: 50, pace: PACE });
      expect(report.verdict.violations).to.deep.equal([]);
      expect(report.breaches).to.deep.equal([]);
      expect(report.verdict.seen.acked, 'messages acknowledged').to.be.greaterThan(20);
      expect(received(report), 'live deliveries').to.be.greaterThan(20);
      expect(report.healMs, 'every lane works again').to.be.a('number');
    });
  }
});

describe('a deploy under load', () => {
  it('of a gateway and a worker behind HAProxy is noticed by nobody', async function () {
    this.timeout(240_000);
    const fault = rollingRestart({ gateways: 2, workers: 2, ofEach: 1 });
    await using cluster = await startFaultCluster({ ...(fault.cluster as object), random: seededRandom(SEED) });
    const report = await runRound(fault, cluster, { seed: SEED, round: 1, pairs: 12, rate: 30, pace: PACE });
    expect(report.verdict.violations).to.deep.equal([]);
    expect(report.breaches).to.deep.equal([]);
    expect(report.row).to.include({ lost: 0, duplicated: 0, 'HTTP 5xx': 0 });
  });
});

/** What F17 does with thousands. */
describe('connections that never authenticate', () => {
  const forged = signToken(newUser('stranger'), 'a secret of somebody else, 32 characters');

  async function areGone(port: number): Promise<void> {
    const strangers = STRANGERS.map((kind) => sendStranger(port, kind, forged));
    try {
      await eventually(() => {
        expect(strangers.filter(({ gone }) => !gone).map(({ kind }) => kind)).to.deep.equal([]);
      }, 10_000 * PACE.patience);
      for (const { kind, keptMs } of strangers) expect(keptMs, kind).to.be.lessThan(10_000 + MARGIN_MS);
    } finally {
      for (const stranger of strangers) stranger.leave();
    }
  }

  it('are closed within 10 s, whatever they leave unsaid', async () => {
    await using cluster = await startFaultCluster({ gateways: 1, workers: 1, random: seededRandom(SEED) });
    await areGone(cluster.gateways[0]?.port ?? 0);
  });

  it('are closed as soon by a gateway of several processes', async () => {
    await using cluster = await startTestCluster({ gatewayProcesses: 2 });
    await areGone(cluster.port);
  });
});

function received({ history }: RoundReport): number {
  return history.devices.flatMap(({ events }) => events).filter(({ kind }) => kind === 'message').length;
}
