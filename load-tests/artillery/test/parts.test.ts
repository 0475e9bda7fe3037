import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UserError } from '@chat-cluster/runtime';
import { expect } from 'chai';
import jwt from 'jsonwebtoken';
import { DeliveryCheck } from '../src/delivery-check.ts';
import { readOptions, SCENARIOS } from '../src/options.ts';
import { tokenOf } from '../src/own-token.ts';
import { scalePhases } from '../src/phases.ts';
import * as processor from '../src/processor.mts';
import { errorsOf, type Report, resultLines } from '../src/report.ts';

const folder = resolve(import.meta.dirname, '../scenarios');
const SECRET = 'a secret of 32 characters or more';

describe('artillery: the scenarios', () => {
  it('are those of the command', () => {
    expect(readdirSync(folder).sort()).to.deep.equal(
      Object.keys(SCENARIOS)
        .map((name) => `${name}.yml`)
        .sort(),
    );
  });

  for (const file of readdirSync(folder)) {
    it(`${file} calls existing functions, and has a short form with the same phases`, () => {
      const text = readFileSync(join(folder, file), 'utf8');
      const called = [...text.matchAll(/function: (\w+)/g)].map(([, name]) => name);
      expect(called).to.include('awaitDelivery');
      expect(Object.keys(processor)).to.include.members(called);
      const phases = text.split('environments:').map((part) => part.match(/duration: |rampTo: /g) ?? []);
      expect(phases[0]).to.not.have.length(0);
      expect(phases[1]).to.deep.equal(phases[0]);
    });
  }
});

describe('artillery: the options', () => {
  it('have defaults, and are checked', () => {
    expect(readOptions([])).to.include({ scenario: 'steady', short: false, url: undefined, json: undefined });
    expect(readOptions(['spike', '--rate=7', '--url', 'http://127.0.0.1:3000/'])).to.include({
      scenario: 'spike',
      rate: 7,
      url: 'http://127.0.0.1:3000',
    });
    for (const args of [['storm'], ['steady', 'ramp'], ['--rate', '0'], ['--speed', '1'], ['--url', 'ftp://x']]) {
      expect(() => readOptions(args), args.join(' ')).to.throw(UserError);
    }
  });

  it('scale phases in proportion', () => {
    const phases = [
      { duration: 10, arrivalRate: 2 },
      { duration: 30, arrivalRate: 2, rampTo: 20 },
    ];
    expect(scalePhases(phases, { duration: undefined, rate: undefined })).to.deep.equal(phases);
    expect(scalePhases(phases, { duration: 8, rate: 5 })).to.deep.equal([
      { duration: 2, arrivalRate: 1 },
      { duration: 6, arrivalRate: 1, rampTo: 5 },
    ]);
  });
});

describe('artillery: a token', () => {
  it('has the user and the claims that the gateways expect', () => {
    const plain = jwt.verify(tokenOf('alice', { JWT_SECRET: SECRET }), SECRET, { algorithms: ['HS256'] });
    expect(plain).to.include({ sub: 'alice' }).and.to.have.property('exp');
    const env = { JWT_SECRET: SECRET, JWT_ISSUER: 'us', JWT_AUDIENCE: 'chat', JWT_USER_CLAIM: 'user' };
    const options: jwt.VerifyOptions & { complete: false } = {
      complete: false,
      algorithms: ['HS256'],
      issuer: 'us',
      audience: 'chat',
    };
    expect(jwt.verify(tokenOf('bob', env), SECRET, options)).to.include({ user: 'bob' });
  });
});

describe('artillery: the check of deliveries', () => {
  it('counts messages that are delivered, lost, duplicated and out of order', async () => {
    const counted: Record<string, number> = {};
    const check = new DeliveryCheck('c', {
      emit: (_kind: string, name: string, value?: number) => {
        counted[name] = (counted[name] ?? 0) + (name.endsWith('_ms') ? 1 : (value ?? 1));
      },
    });
    const messages = [1, 2, 3].map((seq) => ({ ...check.nextDraft(performance.now()), seq }));
    for (const _ of messages) check.acknowledge();
    const [first, second, third] = messages;
    if (!first || !second || !third) throw new Error('there are three messages');
    check.receive(second);
    check.receive(first);
    check.receive(second);
    expect(await check.until(() => check.undelivered === 0, 1)).to.equal(false);
    expect(check.receivedUpTo).to.equal(2);
    const delivered = check.until(() => check.undelivered === 0, 5_000);
    check.receiveBySync(first);
    check.receiveBySync(third);
    expect(await delivered).to.equal(true);
    expect(check.receivedUpTo).to.equal(3);
    expect(counted).to.include({ 'chat.sent': 3, 'chat.acked': 3, 'chat.delivered': 3, 'chat.delivery_ms': 3 });
    expect(counted).to.include({ 'chat.duplicated': 1, 'chat.out_of_order': 1 });
    for (const rev of [1, 2]) {
      check.acknowledgeChange();
      expect(check.hasAllChanges).to.equal(false);
      check.receiveChange({ rev });
      expect(check.hasAllChanges).to.equal(true);
    }
  });
});

describe('artillery: the result', () => {
  it('lists errors, and shows a long run in few rows', () => {
    const counters = { 'vusers.created': 2, 'errors.send_message: OVERLOADED': 3, 'chat.acked': 5 };
    const report: Report = {
      aggregate: { counters, summaries: { 'chat.ack_ms': { p50: 1, p95: 2, p99: 3, max: 400 } } },
      intermediate: Array.from({ length: 100 }, (_, index) => ({ counters, firstMetricAt: 10_000 * index })),
    };
    expect(errorsOf(report)).to.deep.equal([['send_message: OVERLOADED', 3]]);
    const lines = resultLines(report);
    expect(lines.join('\n')).to.include('3 × send_message: OVERLOADED');
    expect(lines.filter((line) => /^ {2}\d+ s /.test(line))).to.have.length(20);
  });
});
