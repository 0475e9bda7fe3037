import { expect } from 'chai';
import { ARMS, GROUPS_OPTIONS, measureGroups, type Sample } from '../src/experiments/groups/measure.ts';
import { reportGroups } from '../src/experiments/groups/report.ts';

describe('groups', () => {
  it('measures messages to all members of a group, on our cluster and on each relay', async () => {
    const defaults = GROUPS_OPTIONS.parse({ members: '40', gateways: '2', inFlight: '4', rounds: '1' });
    const options = { ...defaults, rates: [], seconds: 1, warmUp: 1 };
    const samples = await measureGroups(options, () => {});
    expect(samples.map(({ arm, inFlight }) => `${arm} ${inFlight}`)).to.deep.equal(ARMS.map((arm) => `${arm} 4`));
    for (const { arm, outcome, emits } of samples) {
      expect(outcome).to.include({ lost: 0, refused: 0, duplicated: 0, reordered: 0 });
      expect(outcome.sent).to.be.greaterThan(4);
      expect(outcome.cpu).to.include.keys('gateways', 'redis', 'generator');
      expect(outcome.delivery.p50).to.be.greaterThan(0);
      expect(emits?.perMessage).to.equal(arm === 'ours' ? 1 : undefined);
    }
    expect(reportGroups(options, samples).verdicts.map(({ ok }) => ok)).to.deep.equal([true, true, true]);
  });

  it('reports the ratio of each round, and misses its targets with a second emit or too many badges', () => {
    const round = (number: number, ours: number, emits = { perMessage: 1, badges: 4 }): Sample[] => {
      return [{ ...sample('ours', number, ours), emits }, sample('classic relay', number, 100)];
    };
    const options = GROUPS_OPTIONS.parse({});
    const samples = [...round(0, 50), ...round(1, 60), ...round(2, 90)];
    const { tables, verdicts } = reportGroups(options, samples);
    expect(tables[2]?.rows.map(([, , name, ratio]) => `${name} ${ratio}`)).to.deep.equal([
      ...['1 0.50', '2 0.60', '3 0.90', 'median 0.60'],
    ]);
    expect(verdicts.map(({ ok }) => ok)).to.deep.equal([true, true, true]);
    const missed = reportGroups(options, [...samples, ...round(3, 50, { perMessage: 1.1, badges: 5.5 })]).verdicts;
    expect(missed.map(({ ok }) => ok)).to.deep.equal([false, false, true]);
  });
});

function sample(arm: Sample['arm'], round: number, deliveredPerSecond: number): Sample {
  const counts = { sent: 100, lost: 0, refused: 0, refusedBy: {}, duplicated: 0, reordered: 0 };
  const delivery = { p50: 1, p99: 2, max: 3 };
  return {
    ...{ arm, round, rate: 0, inFlight: 20 },
    outcome: { deliveredPerSecond, delivery, cpu: { gateways: 400 }, timeline: [], ...counts },
  };
}
