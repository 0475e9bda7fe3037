import { type FaultCluster, seededRandom, startFaultCluster } from '@chat-cluster/testkit';
import { expect } from 'chai';
import { FAULTS } from '../src/faults.ts';
import { type Pace, type RoundReport, runRound } from '../src/round.ts';

/** Short, and patient: other tests may share the machine. The promises themselves know no patience. */
const PACE: Pace = { warmUpMs: 300, phaseMs: 500, afterMs: 500, patience: 4 };
const SEED = 'short';

/** One short round each on one cluster; `npm run verify` is the long form. */
describe('the product under faults', () => {
  let cluster: FaultCluster;

  before(async function () {
    this.timeout(60_000);
    cluster = await startFaultCluster({ gateways: 2, workers: 2, random: seededRandom(SEED) });
  });

  after(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  for (const id of ['F2', 'F4', 'F8', 'F13', 'F15']) {
    const fault = FAULTS.find((one) => one.id === id);

    it(`keeps its promises when this happens: ${fault?.title}`, async function () {
      this.timeout(120_000);
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

function received({ history }: RoundReport): number {
  return history.devices.flatMap(({ events }) => events).filter(({ kind }) => kind === 'message').length;
}
