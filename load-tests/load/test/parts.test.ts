import { schedule } from '@chat-cluster/testkit/lean-client';
import { chartSvg } from '@chat-cluster/testkit/report';
import { expect } from 'chai';
import { elementsOf } from '../../../packages/testkit/test/well-formed.ts';
import { addUp, noCounts } from '../src/counts.ts';
import { chartsOf } from '../src/html.ts';
import { MergedResults } from '../src/merged-results.ts';
import { Meter } from '../src/meter.ts';
import { readOptions } from '../src/options.ts';
import { planAll } from '../src/plans.ts';
import { sourceAddress } from '../src/population.ts';
import { phasesOf } from '../src/profiles.ts';
import type { Sample } from '../src/protocol.ts';

describe('load: profiles', () => {
  it('have their rates after the warm-up', () => {
    const options = { rate: 100, duration: 10, warmUp: 2, spike: 5 };
    const count = (profile: Parameters<typeof phasesOf>[0], from: number, to: number) =>
      [...schedule(phasesOf(profile, options), {})].filter(({ at }) => at >= from * 1_000 && at < to * 1_000).length;
    expect([count('steady', 0, 2), count('steady', 2, 12), count('steady', 12, 99)]).to.deep.equal([200, 1_000, 0]);
    expect(count('spike', 2, 6)).to.be.within(399, 401);
    expect(count('spike', 6, 8)).to.be.within(999, 1_001);
    expect([count('ramp', 0, 2), count('ramp', 2, 12)]).to.deep.equal([0, 500]);
    expect(count('ramp', 11, 12)).to.be.within(94, 96);
  });
});

describe('load: merged results', () => {
  function sampleOf(at: number, acked: number, milliseconds: number[]): Sample {
    const meter = new Meter();
    meter.measureFrom = 0;
    for (const ms of milliseconds) meter.record('acks', 10, 10 + ms);
    const counts = { ...noCounts(), acked, refused: { OVERLOADED: acked } };
    return { at, counts, latencies: meter.take(), inFlight: 1, connected: 2, missing: 0, badgesOff: 0, cpu: at / 10 };
  }

  it('add up counts exactly, and refusals by code', () => {
    const a = { ...noCounts(), acked: 3, refused: { OVERLOADED: 1, TIMEOUT: 2 } };
    const b = { ...noCounts(), acked: 4, lost: 1, refused: { OVERLOADED: 5 } };
    expect(addUp([a, b])).to.deep.include({ acked: 7, lost: 1, refused: { OVERLOADED: 6, TIMEOUT: 2 } });
  });

  it('combine the samples of several processes, once the slowest has sent one', () => {
    const results = new MergedResults(2, 0);
    const first = Array.from({ length: 99 }, () => 2);
    results.add(0, sampleOf(1, 10, first));
    expect(results.moment()).to.equal(undefined);
    results.add(1, sampleOf(1, 20, [500]));
    const moment = results.moment();
    expect(moment).to.deep.include({ at: 1, acked: 30, inFlight: 2, connected: 4, cpu: 0.1 });
    expect(moment?.counts.refused).to.deep.equal({ OVERLOADED: 30 });
    expect(moment?.ack.p99).to.be.closeTo(2, 0.01);
    results.add(0, sampleOf(3, 50, []));
    results.add(1, sampleOf(3, 60, [700]));
    expect(results.moment()).to.deep.include({ acked: 40 });
    expect(results.moment(), 'nothing new').to.equal(undefined);
    expect(results.whole('acks')).to.include({ count: 101 });
    expect(results.whole('acks').max).to.be.closeTo(700, 1);
    expect(results.whole('deliveries')).to.include({ count: 0, p99: 0 });
    expect(results.whole('group 5')).to.include({ count: 0 });
  });

  it('contain no latencies of the warm-up', () => {
    const meter = new Meter();
    meter.measureFrom = 100;
    meter.record('acks', 99, 5_000);
    meter.record('acks', 100, 101.5);
    expect([...meter.take().acks]).to.deep.equal([1_500]);
    expect([...meter.take().acks]).to.deep.equal([]);
  });

  it('are drawn as charts, also for a long run and seconds without samples', () => {
    const results = new MergedResults(1, 0);
    const moments = Array.from({ length: 1_000 }, (_, i) => {
      results.add(0, sampleOf(i + 1, i * 10, i % 3 === 0 ? [] : [i]));
      return results.moment();
    }).filter((moment) => moment !== undefined);
    const whole = results.whole('acks');
    for (const chart of chartsOf({ moments, ack: whole, delivery: results.whole('deliveries') })) {
      const svg = chartSvg(chart);
      expect(elementsOf(svg).filter((name) => name === 'text').length, chart.title).to.be.within(8, 40);
      expect(svg).to.not.match(/NaN|Infinity/);
    }
  });
});

describe('load: the plans of the generator processes', () => {
  const users = (count: number) => Array.from({ length: count }, (_, i) => ({ userId: `u${i}`, token: '' }));
  const target = { url: 'http://127.0.0.1:1', tls: undefined, active: users(10), idle: users(5) };

  it('contain every user once, keep pairs together, and add up to the rate of the run', () => {
    const options = readOptions(['--processes', '3', '--rate', '100', '--connect-rate', '90']);
    if (!options) throw new Error('no options');
    const plans = planAll(options, target, 'run');
    expect(plans.flatMap((plan) => plan.users)).to.deep.equal(target.active);
    expect(plans.flatMap((plan) => plan.idle)).to.deep.equal(target.idle);
    for (const plan of plans) expect(plan.users.length % 2).to.equal(0);
    expect(plans.reduce((sum, { rate }) => sum + rate, 0)).to.be.closeTo(100, 1e-9);
    expect(plans.map(({ connectRate }) => connectRate)).to.deep.equal([30, 30, 30]);
    expect(plans.map(({ firstConnection }) => firstConnection)).to.deep.equal([0, 3, 9]);
    expect(() => planAll({ ...options, processes: 6 }, target, 'run')).to.throw('6 processes: at least 12 users');
    const inGroups = { ...options, processes: undefined, groups: [3, 5] };
    expect(planAll(inGroups, target, 'run').length, 'each with 5 users').to.equal(1);
    expect(() => planAll({ ...inGroups, processes: 2 }, target, 'run')).to.throw('2 processes with these --groups');
    expect(() => planAll({ ...options, processes: 1 }, target, 'run', 210)).to.throw(
      '15 connections need 2 --processes',
    );
    expect(planAll({ ...options, processes: undefined }, target, 'run', 204)).to.have.length(4);
  });

  it('use several addresses of this machine when one has too few ports', () => {
    const many = sourceAddress('http://127.0.0.1:3000', 50_000);
    expect([0, 19_999, 20_000, 49_999].map(many)).to.deep.equal(['127.0.0.1', '127.0.0.1', '127.0.0.2', '127.0.0.3']);
    expect(sourceAddress('http://127.0.0.1:3000', 100)(50)).to.equal(undefined);
    expect(sourceAddress('https://chat.example.com', 50_000)(30_000)).to.equal(undefined);
  });
});

describe('load: the options', () => {
  it('have defaults per profile, and accept times and shares', () => {
    expect(readOptions([])).to.include({ profile: 'steady', duration: 60, users: 200, rate: 100, resend: true });
    expect(readOptions(['soak'])).to.include({ profile: 'soak', duration: 3_600 });
    const given = [
      'spike',
      '--pairs',
      '7',
      '--duration',
      '2m',
      '--reads=0.5',
      '--groups',
      '5,500,5',
      '--reactions',
      '0.1',
      '--max-p99',
      '250',
      '--no-resend',
      '--even',
    ];
    expect(readOptions(given)).to.deep.include({
      users: 14,
      duration: 120,
      reads: 0.5,
      groups: [5, 500],
      reactions: 0.1,
      maxP99: 250,
      resend: false,
      even: true,
    });
    expect(readOptions(['--tokens', 'file']), 'as many users as tokens').to.include({ users: undefined });
    expect(readOptions(['--help'])).to.equal(undefined);
  });

  it('name what is wrong', () => {
    const wrong: [string[], RegExp][] = [
      [['sprint'], /There is no profile sprint: steady, ramp/],
      [['--rate', 'fast'], /--rate must be a number from .* not "fast"\./],
      [['--users', '1'], /--users must be a whole number from 2/],
      [['--idle', '1.5'], /--idle must be a whole number/],
      [['--reads', '2'], /--reads must be a number from 0 to 1/],
      [['--groups', '1'], /--groups must be whole numbers from 2/],
      [['--edits', '0.6', '--deletes', '0.6'], /may add up to 1/],
      [['--duration', 'long'], /--duration must be a time/],
      [['--url', 'localhost:3000'], /--url must begin with http/],
      [['--frequency', '3'], /--help lists all options\.$/],
    ];
    for (const [args, sentence] of wrong) expect(() => readOptions(args), args.join(' ')).to.throw(sentence);
  });
});
