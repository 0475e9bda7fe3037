import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import jwt from 'jsonwebtoken';
import { METRICS } from '../lib/metrics.ts';
import { PLANS, ramp, spike, steady, WARM_UP } from '../lib/plans.ts';
import { connectMs, conversationSpecs, partOf, socketCount, vuCount } from '../lib/population.ts';
import { readSettings, SETTINGS } from '../lib/settings.ts';
import { metricsOf, summaryJson, summaryText } from '../lib/summary.ts';
import { Tally } from '../lib/tally.ts';
import { thresholds } from '../lib/thresholds.ts';
import { tokenMaker, utf8 } from '../lib/token.ts';
import { TestMeter } from './test-meter.ts';

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

describe('k6: tokens', () => {
  it('are JWTs like those of the application', async () => {
    const secret = 'a sécret with ünicode, long enough';
    const required = { JWT_USER_CLAIM: 'uid', JWT_ISSUER: 'app', JWT_AUDIENCE: 'chat' };
    const tokenOf = await tokenMaker(readSettings({ JWT_SECRET: secret, ...required }), 60);
    for (const user of ['alice', 'Zoë 🙂', 'x'.repeat(64)]) {
      const claims = jwt.verify(await tokenOf(user), secret, {
        algorithms: ['HS256'],
        issuer: 'app',
        audience: 'chat',
      });
      expect(claims).to.include({ uid: user }).and.not.have.property('sub');
    }
    const plain = jwt.verify(await (await tokenMaker(readSettings({ JWT_SECRET: secret })))('bob'), secret);
    expect(plain).to.have.all.keys('sub', 'iat', 'exp').and.include({ sub: 'bob' });
    expect(Buffer.from(utf8('aé€🙂%'))).to.deep.equal(Buffer.from('aé€🙂%'));
  });
});

describe('k6: the tally', () => {
  const [a, b] = [{}, {}];
  const received = { isSender: false, bySync: false };

  it('has an outcome for each message: received by all, lost by some, refused, unanswered', () => {
    const meter = new TestMeter();
    let now = 1_000;
    const tally = new Tally(meter, () => now);
    for (const id of ['1', '2', '3', '4']) tally.sent(id, { dueAt: 990, phase: 'p', devices: [a, b] });
    now = 1_010;
    tally.received('1', a, { isSender: true, bySync: false });
    tally.received('1', b, received);
    tally.received('1', b, received);
    tally.acked('1');
    tally.acked('2');
    tally.received('2', a, { ...received, isSender: true });
    tally.refused('3', 'OVERLOADED');
    tally.received('3', b, received);
    expect(tally.openCount).to.equal(2);
    tally.finish();
    expect(tally.openCount).to.equal(0);
    expect(meter.counts()).to.deep.include({
      chat_sent: 4,
      chat_acked: 2,
      'chat_refused{code:OVERLOADED}': 1,
      chat_unanswered: 1,
      chat_delivered: 3,
      chat_lost: 1,
    });
    expect(meter.values('chat_loss_ratio').sort()).to.deep.equal([false, false, false, true]);
    expect(meter.values('chat_unacked_ratio').sort()).to.deep.equal([false, false, true, true]);
  });

  it('measures from the due time, and deliveries at the other user only', () => {
    const meter = new TestMeter();
    let now = 1_000;
    const tally = new Tally(meter, () => now);
    tally.sent('1', { dueAt: 700, phase: 'p', devices: [a, b] });
    now = 1_100;
    tally.received('1', a, { ...received, isSender: true });
    tally.acked('1');
    tally.received('1', b, received);
    expect(meter.values('chat_send_lag_ms')).to.deep.equal([300]);
    expect(meter.values('chat_ack_ms')).to.deep.equal([400]);
    expect(meter.values('chat_delivery_ms')).to.deep.equal([400]);
  });
});

describe('k6: settings', () => {
  it('have defaults, and those of a scenario take precedence', () => {
    expect(readSettings({ JWT_SECRET: 'x' })).to.include({ PAIRS: 50, RATE: 50, DURATION: 60_000, READ_RATIO: 0.1 });
    expect(readSettings({ JWT_SECRET: 'x' }, { PAIRS: '7', RATE: '2' })).to.include({ PAIRS: 7, RATE: 2 });
    expect(readSettings({ JWT_SECRET: 'x', PAIRS: '8' }, { PAIRS: '7' })).to.include({ PAIRS: 8 });
    const { URL: urls } = readSettings({ JWT_SECRET: 'x', URL: 'http://a:1, https://b/chat' });
    expect(urls).to.deep.equal(['http://a:1', 'https://b/chat']);
  });

  it('report all problems at once, without the secret', () => {
    const wrong = { URL: 'localhost', PAIRS: '1.5', RATE: 'x', DURATION: '10', READ_RATIO: '2', ARRIVALS: 'often' };
    expect(() => readSettings(wrong))
      .to.throw(/URL must be .*not "localhost"/)
      .with.property('message')
      .that.matches(/JWT_SECRET must be the secret/)
      .and.matches(/PAIRS must be a whole number, not "1.5"/)
      .and.matches(/RATE must be a number/)
      .and.matches(/DURATION must be .*such as 30s, not "10"/)
      .and.matches(/READ_RATIO/)
      .and.matches(/ARRIVALS must be poisson or even/);
  });

  it('are in the README with their defaults and meanings, and so are metrics and scenarios', () => {
    for (const [name, setting] of Object.entries(SETTINGS)) {
      const fallback = setting.fallback ? `\`${setting.fallback}\` ` : '';
      expect(README).to.include(`\n| \`${name}\` | ${fallback}| ${setting.about} |\n`);
    }
    for (const [name, { kind, about }] of Object.entries(METRICS)) {
      expect(README).to.include(`\n| \`${name}\` | ${kind} | ${about} |\n`);
    }
    for (const { name, question, defaults } of PLANS) {
      expect(README).to.include(`| \`${name}\` | ${question}`);
      for (const [knob, value] of Object.entries(defaults)) expect(README, name).to.include(`\`${knob}=${value}\``);
    }
  });
});

describe('k6: the users of a VU', () => {
  const settings = readSettings({ JWT_SECRET: 'x', PAIRS: '5', DEVICES: '2', SOCKETS_PER_VU: '8', CONNECT_RATE: '10' });

  it('are whole pairs, and each VU has its share of the rate', () => {
    expect([vuCount(steady, settings), socketCount(steady, settings), connectMs(steady, settings)]).to.deep.equal([
      3, 20, 3_000,
    ]);
    const specs = conversationSpecs(steady, settings, 'r');
    expect(new Set(specs.flatMap(({ users }) => users)).size).to.equal(10);
    const setupData = { runId: 'r', startedAt: 1, conversationIds: specs.map((_, i) => `c${i}`) };
    const parts = [0, 1, 2].map((vu) => partOf(steady, settings, setupData, vu));
    expect(parts.map(({ conversations }) => conversations.map(({ id }) => id))).to.deep.equal([
      ['c0', 'c1'],
      ['c2', 'c3'],
      ['c4'],
    ]);
    expect(parts.map(({ share }) => share)).to.deep.equal([0.4, 0.4, 0.2]);
  });

  it('are a receiver with all its senders', () => {
    const plan = PLANS.find(({ shape }) => shape === 'fan-in') ?? steady;
    const many = readSettings({ JWT_SECRET: 'x', RECEIVERS: '2', SENDERS: '30', SOCKETS_PER_VU: '10' });
    expect([vuCount(plan, many), socketCount(plan, many)]).to.deep.equal([2, 62]);
    const setupData = { runId: 'r', startedAt: 1, conversationIds: [] };
    const second = partOf(plan, many, setupData, 1).conversations;
    expect(second).to.have.length(30);
    expect(new Set(second.map(({ users }) => users[1]))).to.deep.equal(new Set(['r-1r']));
    expect(second.every(({ senders }) => senders.length === 1 && senders[0] === 0)).to.equal(true);
  });
});

describe('k6: the groups of a VU', () => {
  it('have all their members in it, who all send', () => {
    const plan = PLANS.find(({ shape }) => shape === 'groups') ?? steady;
    const some = readSettings({ JWT_SECRET: 'x', GROUPS: '3', MEMBERS: '4', SOCKETS_PER_VU: '8' });
    expect([vuCount(plan, some), socketCount(plan, some)]).to.deep.equal([2, 12]);
    const setupData = { runId: 'r', startedAt: 1, conversationIds: ['c0', 'c1', 'c2'] };
    expect(partOf(plan, some, setupData, 1).conversations).to.deep.equal([
      { id: 'c2', users: ['r-2m0', 'r-2m1', 'r-2m2', 'r-2m3'], senders: [0, 1, 2, 3] },
    ]);
  });
});

describe('k6: scenarios', () => {
  const settings = readSettings({ JWT_SECRET: 'x', RATE: '10', DURATION: '1m', STEPS: '4' });

  it('last for DURATION after the warm-up, with thresholds for existing phases', () => {
    for (const plan of PLANS) {
      const phases = plan.phases(settings);
      const names = phases.map(({ name }) => name);
      expect(names[0], plan.name).to.equal(WARM_UP);
      expect(
        phases.slice(1).reduce((sum, { seconds }) => sum + seconds, 0),
        plan.name,
      ).to.be.closeTo(60, 0.001);
      expect(names, plan.name).to.include.members(plan.withoutThresholds);
      expect(new Set(names).size, plan.name).to.equal(names.length);
      for (const name of names) expect(name, 'valid in the name of a series').to.match(/^[\w.-]+$/);
    }
    expect(ramp.phases(settings).map(({ to }) => to)).to.deep.equal([2.5, 2.5, 5, 7.5, 10]);
    expect(spike.phases(settings).find(({ name }) => name === 'spike')).to.include({ seconds: 10, from: 50 });
  });

  it('have thresholds on loss, acks and deliveries', () => {
    for (const plan of PLANS) {
      const all = thresholds(plan, settings);
      expect(all.chat_loss_ratio).to.deep.equal(['rate<=0']);
      const names = plan.phases(settings).map(({ name }) => name);
      for (const phase of names.filter((name) => !plan.withoutThresholds.includes(name))) {
        expect(all[`chat_ack_ms{phase:${phase}}`], plan.name).to.deep.equal(['p(95)<=250', 'p(99)<=500']);
        expect(all[`chat_delivery_ms{phase:${phase}}`], plan.name).to.deep.equal(['p(95)<=250', 'p(99)<=500']);
      }
      expect(all[`chat_ack_ms{phase:${WARM_UP}}`]).to.deep.equal(['max>=0']);
    }
  });
});

describe('k6: the summary', () => {
  const settings = readSettings({ JWT_SECRET: 'very secret', RATE: '10', DURATION: '1m' });
  const values = { med: 12.34, 'p(95)': 99, 'p(99)': 12_345, max: 20_000 };
  const metrics = {
    chat_sent: { values: { count: 1_234_567 } },
    chat_loss_ratio: { values: { rate: 0.25 }, thresholds: { 'rate<=0': { ok: false } } },
    'chat_ack_ms{phase:steady}': { values, thresholds: { 'p(95)<=250': { ok: true }, 'max>=0': { ok: true } } },
  };

  it('shows figures by phase, and thresholds with their values', () => {
    const text = summaryText(steady, settings, metrics);
    expect(text).to.match(/1,234,567 sent/);
    expect(text).to.match(/steady +0 +0 +12.3 ms +99 ms +12.3 s +20 s +– +–/);
    expect(text).to.include('✖ chat_loss_ratio: rate<=0 (0.25)');
    expect(text).to.include('✔ chat_ack_ms{phase:steady}: p(95)<=250 (99)');
    expect(text).to.include('1 of 2 thresholds are missed').and.not.include('max>=0');
  });

  it('shows a run without samples', () => {
    expect(summaryText(steady, settings, {})).to.include('0 sent, 0 acknowledged');
  });

  it('is JSON without the secret', () => {
    const json = summaryJson(steady, settings, metrics);
    expect(json).not.to.include('very secret');
    expect(JSON.parse(json)).to.include({ scenario: 'steady', ok: false });
  });

  it('accepts both forms of results that k6 has', () => {
    expect(metricsOf({ metrics })).to.equal(metrics);
    const list = [{ name: 'chat_sent', type: 'counter', values: { count: 3 } }];
    expect(metricsOf({ results: { metrics: list } }).chat_sent?.values.count).to.equal(3);
    expect(metricsOf({})).to.deep.equal({});
  });
});
