import { execFileSync } from 'node:child_process';
import type { History, SendAttempt } from '@chat-cluster/testkit';
import { expect } from 'chai';
import {
  acknowledgedAtOnce,
  answeredWithin,
  gatewaysKeepRunning,
  lanesAckWithin,
  socketsStayConnected,
  worksAsBefore,
} from '../src/expectations.ts';
import type { RoundOutcome } from '../src/fault.ts';
import { FAULTS } from '../src/faults.ts';
import { healTime } from '../src/heal-time.ts';
import { readOptions } from '../src/options.ts';
import { table } from '../src/report/table.ts';
import { countFindings, newTally } from '../src/report/tally.ts';

const CONVERSATION = '01926b3a-7c11-7d3e-9f52-0a4c1f6f2b10';

describe('a shifted clock', () => {
  it('changes the current time and nothing else', () => {
    const shiftMs = -3_600_000;
    const script = 'console.log(JSON.stringify([Date.now(), +new Date(), +new Date(5), new Date() instanceof Date]))';
    const env = { ...process.env, CLOCK_SHIFT_MS: String(shiftMs) };
    const preload = `--import=${new URL('../src/processes/shifted-clock.ts', import.meta.url).href}`;
    const before = Date.now();
    const printed = execFileSync(process.execPath, [preload, '-e', script], { env, encoding: 'utf8' });
    const [now, made, given, isDate] = JSON.parse(printed) as [number, number, number, boolean];
    for (const time of [now, made]) expect(time - shiftMs).to.be.within(before, Date.now());
    expect([given, isDate]).to.deep.equal([5, true]);
  });
});

describe('the expectations of a fault', () => {
  it('require a response within the limit to every send during the fault', () => {
    const outcome = during([acked(50, 5_000), acked(150, 3_100), refused(200, 300), acked(1_500, 9_000)]);
    expect(answeredWithin(outcome, 3_000)).to.deep.equal([]);
    expect(answeredWithin(outcome, 2_900)).to.have.length(1);
    expect(answeredWithin({ ...outcome, deadlineFactor: 2 }, 2_900)).to.deep.equal([]);
    expect(answeredWithin(during([{ ...acked(150, 0), outcome: { kind: 'unknown', at: 200 } }]), 3_000)).to.have.length(
      1,
    );
  });

  it('require an ack at the first attempt of the selected sends', () => {
    const outcome = during([refused(50, 60), acked(150, 160), refused(200, 300)]);
    expect(acknowledgedAtOnce(outcome)).to.have.length(1);
    expect(acknowledgedAtOnce(outcome, ({ at }) => at < 200)).to.deep.equal([]);
  });

  it('require the same gateway processes afterwards', () => {
    expect(gatewaysKeepRunning(during([]))).to.deep.equal([]);
    expect(gatewaysKeepRunning({ ...during([]), gatewayPids: { before: [1, 2], after: [1, 3] } })).to.have.length(1);
  });

  it('require connections that stay open', () => {
    const outcome = during([]);
    const events = outcome.history.devices[0]?.events;
    events?.push({ kind: 'disconnected', at: 50, reason: 'transport close' });
    expect(socketsStayConnected(outcome)).to.deep.equal([]);
    events?.push({ kind: 'disconnected', at: 150, reason: 'transport close' });
    expect(socketsStayConnected(outcome)).to.have.length(1);
  });

  it('require acks after the fault to be as fast as before it', () => {
    const before = acked(50, 110);
    expect(worksAsBefore(during([before, acked(150, 9_000), acked(1_100, 1_400)]))).to.deep.equal([]);
    expect(worksAsBefore(during([before, acked(1_100, 1_500)]))).to.have.length(1);
    expect(worksAsBefore(during([before, acked(1_100, 1_200), refused(1_200, 1_210)]))).to.have.length(1);
    expect(worksAsBefore(during([before])), 'nothing sent afterwards').to.have.length(1);
  });

  it('require each lane to acknowledge a send that began after the fault', () => {
    const outcome = during([acked(50, 110), acked(200, 3_000)]);
    expect(lanesAckWithin(outcome, 4, 3_000)).to.deep.equal([]);
    expect(lanesAckWithin(outcome, 4, 2_000)).to.have.length(1);
  });
});

describe('the time to heal', () => {
  it('ends when each lane has acknowledged and delivered a message that was sent after the fault', () => {
    const { history } = during([acked(50, 1_100), acked(1_200, 1_300)]);
    expect(healTime(history, 1_000, 4), 'nothing delivered').to.equal(undefined);
    history.devices[0]?.events.push({
      kind: 'message',
      at: 1_150,
      conversationId: CONVERSATION,
      seq: 1,
      id: 'm1',
      content: '',
    });
    expect(healTime(history, 1_000, 4), 'only what was sent before').to.equal(undefined);
    history.devices[0]?.events.push({
      kind: 'message',
      at: 1_450,
      conversationId: CONVERSATION,
      seq: 2,
      id: 'm2',
      content: '',
    });
    expect(healTime(history, 1_000, 4)).to.equal(450);
  });
});

describe('the command line of verify', () => {
  it('accepts fault ids in upper and lower case, and selects all faults by default', () => {
    expect(readOptions(['f4', 'F8', '--seed', '7'])).to.deep.include({
      rounds: 10,
      seed: '7',
      pairs: undefined,
      round: undefined,
    });
    expect(readOptions(['f4', 'F8'])?.faults.map(({ id }) => id)).to.deep.equal(['F4', 'F8']);
    expect(readOptions([])?.faults).to.equal(FAULTS);
    expect([readOptions([])?.clients, readOptions(['--clients', 'stock'])?.clients]).to.deep.equal([
      undefined,
      'stock',
    ]);
    expect([readOptions([])?.groupSizes, readOptions(['--groups', '5,50'])?.groupSizes]).to.deep.equal([[], [5, 50]]);
    expect(readOptions(['F26', '--from', 'v1'])?.faults[0]?.title).to.equal('an upgrade from the commit v1');
  });

  it('names the wrong argument', () => {
    expect(() => readOptions(['F99'])).to.throw('There is no fault F99. Choose among F1, F2');
    expect(() => readOptions(['--rounds', 'x'])).to.throw('--rounds must be a whole number from 1');
    expect(() => readOptions(['--groups', 'many'])).to.throw('--groups must be numbers with commas between them');
    expect(() => readOptions(['--wat'])).to.throw("Unknown option '--wat'");
  });

  it('has a unique id for each fault', () => {
    expect(new Set(FAULTS.map(({ id }) => id)).size).to.equal(FAULTS.length);
  });
});

describe('the table of verify', () => {
  it('shows WRONG for a fault with findings, and only for it', () => {
    const good = { ...newTally({ id: 'F1', title: 'one' }), rounds: 2, healMs: [1_000, 3_000], staleDevices: 5 };
    const bad = newTally({ id: 'F2', title: 'another' });
    bad.violations.wrongAck = 1;
    expect([countFindings(good), countFindings(bad)]).to.deep.equal([0, 1]);
    const [, first = '', second = ''] = table([good, bad]).split('\n');
    expect(first).to.match(/^F1 {3}one .* 1\.0 s +3\.0 s +ok$/);
    expect(second).to.match(/^F2 {3}another .*WRONG$/);
  });
});

/** The outcome of a round with a fault from 100 to 1,000 ms, two gateways, messages from ann and a device of ben. */
function during(sends: SendAttempt[]): RoundOutcome {
  const history: History = {
    sends,
    reads: [],
    devices: [{ id: 'ben/1', userId: 'ben', conversations: [CONVERSATION], events: [] }],
    database: {
      conversations: [{ id: CONVERSATION, lastSeq: sends.length }],
      messages: sends.map(({ clientMessageId, content }, i) => ({
        conversationId: CONVERSATION,
        seq: i + 1,
        id: `m${i + 1}`,
        senderId: 'ann',
        clientMessageId,
        content,
      })),
      participants: [],
    },
    exits: [],
    unsettled: [],
  };
  return { history, from: 100, to: 1_000, deadlineFactor: 1, gatewayPids: { before: [1, 2], after: [1, 2] } };
}

function acked(at: number, answeredAt: number): SendAttempt {
  const clientMessageId = `sent-at-${at}`;
  return {
    at,
    device: 'ann/1',
    connection: 'c',
    sender: 'ann',
    conversationId: CONVERSATION,
    clientMessageId,
    content: '',
    outcome: { kind: 'acked', at: answeredAt, id: 'm', seq: 1, duplicate: false },
  };
}

function refused(at: number, answeredAt: number): SendAttempt {
  return { ...acked(at, 0), outcome: { kind: 'refused', at: answeredAt, code: 'UNAVAILABLE', retryable: true } };
}
