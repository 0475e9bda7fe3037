import { UserError } from '@chat-cluster/runtime';
import { expect } from 'chai';
import pg from 'pg';
import { ARMS, type Arm } from '../src/compare/arms.ts';
import { startGenerator } from '../src/compare/generator-process.ts';
import { loadsOf, type Sample } from '../src/compare/measure.ts';
import { parseCompareOptions } from '../src/compare/options.ts';
import { startOurs } from '../src/compare/our-arm.ts';
import { reportCompare } from '../src/compare/report.ts';
import { startInline, startJobs, startRelay } from '../src/compare/stock-arms.ts';
import { type ConnectedPair, Traffic } from '../src/compare/traffic.ts';
import type { Connection, Outcome } from '../src/compare/wire.ts';
import { attribute, nameOf } from '../src/compare/xmpp-connection.ts';

describe('the arms of compare', () => {
  const arms = { relay: startRelay, inline: startInline, jobs: startJobs, ours: startOurs };
  let trials: Record<string, Promise<Trial>> = {};
  // All at once: most of the time goes into starting them.
  before(async () => {
    trials = Object.fromEntries(Object.entries(arms).map(([name, start]) => [name, tryOut(start)]));
    await Promise.allSettled(Object.values(trials));
  });

  for (const name of Object.keys(arms)) {
    const stores = name !== 'relay';
    it(`${name} delivers every message to both sides${stores ? ', and stores it' : ''}`, async () => {
      const { outcome, gateways, rows, ended } = (await trials[name]) as Trial;
      expect(outcome).to.include({ lost: 0, refused: 0, duplicated: 0 }).and.not.have.property('died');
      expect(outcome.deliveredPerSecond).to.be.greaterThan(0);
      // More than those that were in flight at the beginning.
      expect(outcome.sent).to.be.greaterThan(8);
      expect(outcome.delivery.p99).to.be.at.least(outcome.delivery.p50);
      expect('ack' in outcome).to.equal(stores);
      expect(outcome.cpu).to.include.keys('gateways', 'redis', 'generator');
      expect(gateways).to.equal(2);
      expect(rows).to.equal(stores ? outcome.sent : undefined);
      expect(ended).to.deep.equal([]);
    });
  }
});

interface Trial {
  outcome: Outcome;
  /** To which its users connected. */
  gateways: number;
  /** Messages in Postgres, of an arm that has one. */
  rows: number | undefined;
  /** What ended by itself. */
  ended: string[];
}

async function tryOut(start: Arm['start']): Promise<Trial> {
  const ended: string[] = [];
  await using arm = await start({ pairs: 4, idle: 0, say() {}, log: (line) => ended.push(line) });
  await using generator = await startGenerator(arm);
  const { processes, databaseUrl, pairs } = arm;
  const outcome = await generator.run({ rate: 0, inFlight: 8, warmUpSeconds: 0.2, seconds: 0.6, size: 20, processes });
  return {
    outcome,
    gateways: new Set(pairs.flatMap(({ devices }) => devices.map(({ url }) => url))).size,
    rows: databaseUrl === undefined ? undefined : await stored(databaseUrl),
    ended: [...ended],
  };
}

/** Messages of the run: the past that some arms begin with is longer. */
async function stored(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query('select count(*)::integer as count from messages where length(content) = 20');
    return rows[0].count;
  } finally {
    await client.end();
  }
}

describe('the traffic of compare', () => {
  it('in a closed loop goes on after its time until it has measured something', async () => {
    const connection: Connection = {
      send({ id }, onAck) {
        setTimeout(() => {
          for (const device of [0, 1] as const) traffic.hear(0, device, id);
          onAck(undefined);
        }, 50);
      },
      close() {},
    };
    const pair: ConnectedPair = { conversationId: 'c', users: ['a', 'b'], connections: [connection, connection] };
    const run = { rate: 0, inFlight: 2, warmUpSeconds: 0.01, seconds: 0.01, size: 20, processes: [] };
    const traffic = new Traffic([pair], run, { devicesPerMessage: 2, acks: true }, 0);
    const outcome = await traffic.run();
    expect(outcome.deliveredPerSecond).to.be.greaterThan(0);
    expect(outcome.delivery.p50).to.be.at.least(49);
  });
});

describe('the XMPP of compare', () => {
  it('reads the names and attributes of stanzas, of the outermost element alone', () => {
    const message =
      "<message xml:lang='en' to='b@localhost/1' from='a@localhost/2' type='chat' id='3.17' xmlns='jabber:client'>" +
      "<archived by='b@localhost' id='1'/><body>id='9'</body></message>";
    expect([nameOf(message), attribute(message, 'id'), attribute(message, 'type')]).to.deep.equal([
      'message',
      '3.17',
      'chat',
    ]);
    expect(nameOf("<stream:features xmlns:stream='x'><mechanisms/></stream:features>")).to.equal('features');
    expect(attribute('<a xmlns="urn:xmpp:sm:3" h="12"/>', 'h')).to.equal('12');
    expect(attribute("<message xmlns='jabber:client'><stanza-id id='5'/></message>", 'id')).to.equal('');
  });
});

describe('the options of compare', () => {
  it('name arms, loads and lengths', () => {
    const options = parseCompareOptions(['--arms', 'ours,relay', '--rates=50', '--in-flight', '10,300', '--quick']);
    expect(options).to.deep.include({ arms: ['relay', 'ours'], rates: [50], inFlight: [10, 300], rounds: 1 });
    expect(parseCompareOptions([]).arms).to.deep.equal(ARMS.map(({ name }) => name));
  });

  it('ask the relay for more numbers in flight, and the ones it may not survive last', () => {
    const options = parseCompareOptions(['--rates', '100', '--in-flight', '200']);
    const load = (name: string) => loadsOf({ name }, options).map(({ rate, inFlight }) => rate || inFlight);
    expect(load('ours')).to.deep.equal([100, 200]);
    expect(load('relay')).to.deep.equal([100, 50, 100, 200]);
  });

  for (const args of [['--arms', 'theirs'], ['--rounds', '0'], ['--rates', 'fast'], ['--nonsense']]) {
    it(`refuse ${args.join(' ')}`, () => {
      expect(() => parseCompareOptions(args)).to.throw(UserError);
    });
  }
});

describe('the verdicts of compare', () => {
  const options = parseCompareOptions([]);
  const report = (samples: Sample[]) => reportCompare(options, { samples, missing: [], idle: [] });
  const good = [
    sample('relay', 50, 10_000),
    sample('relay', 1_000, 0, { died: 'the connection was closed' }),
    sample('inline', 1_000, 2_000),
    sample('jobs', 1_000, 1_000),
    sample('ours', 1_000, 9_000),
    sample('ours', 1_000, 10_100),
    sample('ours', 1_000, 12_000),
  ];

  it('are on medians, and on what the relay does at its best', () => {
    const verdicts = report(good).verdicts;
    expect(verdicts.map(({ ok }) => ok)).to.deep.equal([true, true, true, true]);
    expect(verdicts.map(({ text }) => text).join('\n'))
      .to.include('10.10 × jobs')
      .and.include('5.05 × inline')
      .and.include("1.01 × the relay's best at 50 in flight");
  });

  it('miss what is too slow, and what was lost', () => {
    const verdicts = report([...good.slice(0, 4), sample('ours', 1_000, 7_000, { lost: 1 })]).verdicts;
    expect(verdicts.map(({ ok }) => ok)).to.deep.equal([false, false, false, false]);
  });

  it('leave no figure of a dead arm in tables and charts', () => {
    const { tables, charts } = report(good);
    expect(tables[0]?.rows[1]).to.deep.equal(['relay', 1_000, 'died', '–', '–', '–', '–', '–']);
    expect(JSON.stringify([tables, charts])).to.not.match(/NaN|null|undefined/);
  });
});

function sample(arm: string, inFlight: number, deliveredPerSecond: number, outcome: Partial<Outcome> = {}): Sample {
  const zero = { sent: 100, lost: 0, refused: 0, duplicated: 0, reordered: 0, refusedBy: {}, timeline: [] };
  const cpu = { gateways: 100 };
  return {
    arm,
    round: 0,
    rate: 0,
    inFlight,
    outcome: { deliveredPerSecond, delivery: { p50: 1, p99: 2 }, cpu, ...zero, ...outcome },
  };
}
