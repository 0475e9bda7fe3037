import { queryPostgres } from '@chat-cluster/testkit';
import { expect } from 'chai';
import type { Arm } from '../src/arms/arm.ts';
import { startUnderLoad } from '../src/arms/under-load.ts';
import { ARMS, COMPARE_OPTIONS, completeOptions, loadsOf, type Sample } from '../src/experiments/compare/measure.ts';
import { reportCompare } from '../src/experiments/compare/report.ts';
import type { Outcome } from '../src/traffic/run.ts';

describe('the arms of compare', () => {
  // Without ejabberd, which is a download of 32 MB.
  const arms = ARMS.filter(({ name }) => name !== 'ejabberd');
  let trials: Record<string, ReturnType<typeof tryOut>> = {};
  // All at once: most of the time is needed to start them.
  before(async () => {
    trials = Object.fromEntries(arms.map(({ name, start }) => [name, tryOut(start)]));
    await Promise.allSettled(Object.values(trials));
  });

  for (const { name } of arms) {
    const stores = name !== 'relay';
    it(`${name} delivers every message to both sides${stores ? ' and stores it' : ''}`, async () => {
      const { outcome, gateways, rows } = (await trials[name]) as Awaited<ReturnType<typeof tryOut>>;
      expect(outcome).to.include({ lost: 0, refused: 0, duplicated: 0 }).and.not.have.property('died');
      expect(outcome.deliveredPerSecond).to.be.greaterThan(0);
      // More than the ones that were in flight at the beginning.
      expect(outcome.sent).to.be.greaterThan(8);
      expect(outcome.delivery.p99).to.be.at.least(outcome.delivery.p50);
      expect('ack' in outcome).to.equal(stores);
      expect(outcome.cpu).to.include.keys('gateways', 'redis', 'generator');
      expect(gateways).to.equal(2);
      expect(rows).to.equal(stores ? outcome.sent : undefined);
    });
  }
});

/** A short run. `gateways`: used by the pairs; `rows`: stored messages. */
async function tryOut(start: Arm['start']) {
  await using loaded = await startUnderLoad(start, { pairs: 4, idle: 0, log() {} });
  const { databaseUrl, conversations } = loaded.arm;
  const outcome = await loaded.run({ inFlight: 8, warmUpSeconds: 0.2, seconds: 0.6, size: 20 });
  const gateways = new Set(conversations.flatMap(({ devices }) => devices.map(({ url }) => url))).size;
  // The older messages that some arms begin with are longer.
  const stored = 'select from messages where length(content) = 20';
  return { outcome, gateways, rows: databaseUrl && (await queryPostgres(databaseUrl, stored)).length };
}

describe('the options of compare', () => {
  const parse = (options: object) => completeOptions(COMPARE_OPTIONS.parse(options));

  it('select arms, loads and lengths', () => {
    const quick = parse({ arms: 'ours,relay', quick: true });
    expect(quick).to.deep.include({ arms: ['relay', 'ours'], rounds: 1, seconds: 3 });
    expect(parse({ seconds: '7', quick: true })).to.include({ seconds: 7, warmUp: 3 });
    expect(parse({})).to.deep.include({ arms: ARMS.map(({ name }) => name), rounds: 3, warmUp: 20 });
    expect(COMPARE_OPTIONS.safeParse({ arms: 'theirs' }).success).to.equal(false);
  });

  it('give the relay more numbers in flight, and the ones it may not survive last', () => {
    const loads = (name: string) =>
      loadsOf({ name }, { rates: [100], inFlight: [200] }).map(({ rate, inFlight }) => rate || inFlight);
    expect(loads('ours')).to.deep.equal([100, 200]);
    expect(loads('relay')).to.deep.equal([100, 50, 100, 200]);
  });
});

describe('the verdicts of compare', () => {
  const options = completeOptions(COMPARE_OPTIONS.parse({}));
  const report = (samples: Sample[]) => reportCompare({ options, samples, missing: [], idle: [] });
  const good = [
    sample('relay', 50, 10_000),
    sample('relay', 1_000, 0, { died: 'the connection was closed' }),
    sample('inline', 1_000, 2_000),
    sample('jobs', 1_000, 1_000),
    sample('ours', 1_000, 9_000),
    sample('ours', 1_000, 10_100),
    sample('ours', 1_000, 12_000),
  ];

  it('use medians, and the maximum of the relay', () => {
    const { verdicts } = report(good);
    expect(verdicts.map(({ ok }) => ok)).to.deep.equal([true, true, true, true]);
    expect(verdicts.map(({ text }) => text).join('\n'))
      .to.include('10.10 × jobs')
      .and.include('5.05 × inline')
      .and.include("1.01 × the relay's best at 50 in flight");
  });

  it('are missed by a lower throughput, and by a lost message', () => {
    const { verdicts } = report([...good.slice(0, 4), sample('ours', 1_000, 7_000, { lost: 1 })]);
    expect(verdicts.map(({ ok }) => ok)).to.deep.equal([false, false, false, false]);
  });

  it('leave no figure of a dead arm in tables and charts', () => {
    const { tables, charts } = report(good);
    expect(tables[0]?.rows[1]).to.deep.equal(['relay', 1_000, 'died', '–', '–', '–', '–', '–']);
    expect(JSON.stringify([tables, charts])).to.not.match(/NaN|null|undefined/);
  });
});

function sample(arm: string, inFlight: number, deliveredPerSecond: number, more: Partial<Outcome> = {}): Sample {
  const none = { sent: 100, lost: 0, refused: 0, duplicated: 0, reordered: 0, refusedBy: {}, timeline: [] };
  const delivery = { p50: 1, p99: 2, max: 3 };
  const outcome = { deliveredPerSecond, delivery, cpu: { gateways: 100 }, ...none, ...more };
  return { arm, round: 0, rate: 0, inFlight, outcome };
}
