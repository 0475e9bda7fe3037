import { expect } from 'chai';
import { ChangeLog } from '../src/overview/change-log.ts';
import type { Facts } from '../src/overview/conditions.ts';
import { flowOf } from '../src/overview/flow.ts';
import { mergedBuckets, quantileOf } from '../src/overview/histogram.ts';
import { Judge } from '../src/overview/judge.ts';
import { processesOf } from '../src/overview/processes.ts';
import { mixedVersionsOf } from '../src/overview/versions.ts';
import { parseSnapshot, type Snapshot } from '../src/snapshots/snapshot.ts';

/** The fields of a snapshot that every version writes. */
const MINIMAL = {
  ...{ id: 'gateway-1:1', kind: 'gateway', name: 'gateway-1', pid: 1, host: 'here', version: '0.2.0' },
  ...{ startedAt: 1_000, at: 2_000, state: 'ready', overMs: 2_000 },
  ...{ cpuPercent: 1, memoryBytes: 1, heapBytes: 1, eventLoopP99Ms: 1 },
};

function snapshot(changed: object = {}): Snapshot {
  const parsed = parseSnapshot(JSON.stringify({ ...MINIMAL, ...changed }));
  if (!parsed) throw new Error('not a snapshot');
  return parsed;
}

function facts(changed: Partial<Facts> = {}): Facts {
  const { gateways, workers, live } = processesOf([{ snapshot: snapshot(), ageMs: 0 }]);
  return {
    ...{
      at: Date.now(),
      clusterName: 'chat',
      gateways,
      workers,
      live,
      flow: flowOf(live),
      unreadableSnapshots: 0,
      snapshotCpuPercent: 0,
    },
    lanes: [{ lane: 'inbox-0', worker: 'worker-1', heldSince: 1, batches: 0, oldestMs: 0, givenUp: 0 }],
    redis: [{ role: 'cache', server: 'redis:6379', up: true, unreachableFrom: [] }],
    postgres: { server: 'postgres:5432', up: true, unreachableFrom: [] },
    ...changed,
  };
}

describe('a snapshot', () => {
  it('of a newer version is read: unknown fields are ignored', () => {
    const newer = { ...MINIMAL, mood: 'good', gauges: { chat_connections: 7, chat_new: 1 }, down: ['redis_cache'] };
    expect(parseSnapshot(JSON.stringify(newer))).to.deep.include({ name: 'gateway-1', down: ['redis_cache'] });
  });

  it('of an older version is read: missing figures are 0', () => {
    const [gateway] = processesOf([{ snapshot: snapshot(), ageMs: 0 }]).gateways;
    expect(gateway).to.include({ state: 'ready', connections: 0, acceptedPerSecond: 0, fanoutWaste: 0 });
  });

  for (const broken of ['', 'null', '[]', '{"id":"x"}', JSON.stringify({ ...MINIMAL, overMs: 0 })]) {
    it(`is ignored when it is broken: ${broken.slice(0, 20)}`, () => {
      expect(parseSnapshot(broken)).to.equal(undefined);
    });
  }

  for (const [what, changed] of Object.entries({
    'a time that no date has': { startedAt: 1e300 },
    'a name of 257 characters': { name: 'x'.repeat(257) },
    'a figure whose sums are infinite': { gauges: { chat_connections: 1e308 } },
    'more than 256 kB': { mood: 'x'.repeat(262_144) },
  })) {
    it(`is ignored when it has ${what}`, () => {
      expect(parseSnapshot(JSON.stringify({ ...MINIMAL, ...changed }))).to.equal(undefined);
    });
  }
});

describe('the processes of the overview', () => {
  it('are silent when two snapshots are missing, and have the age of their last one', () => {
    const shown = [4_200, 4_300].map((ageMs) => processesOf([{ snapshot: snapshot(), ageMs }]).gateways[0]);
    expect(shown.map((one) => [one?.state, one?.snapshotAgeMs])).to.deep.equal([
      ['ready', 4_200],
      ['silent', 4_300],
    ]);
  });

  it('leave out a silent one that another process of its name replaces', () => {
    const old = { snapshot: snapshot(), ageMs: 60_000 };
    const successor = { snapshot: snapshot({ id: 'gateway-1:2', startedAt: 9_000 }), ageMs: 0 };
    const other = { snapshot: snapshot({ id: 'gateway-2:1', name: 'gateway-2' }), ageMs: 60_000 };
    expect(processesOf([old, successor, other]).gateways.map(({ id }) => id)).to.deep.equal([
      'gateway-1:2',
      'gateway-2:1',
    ]);
  });

  it('leave out one that has written nothing since another one of its name started on its machine', () => {
    const killed = { snapshot: snapshot({ at: 8_000 }), ageMs: 1_500 };
    const started = (host: string) => ({
      snapshot: snapshot({ id: 'gateway-1:2', host, startedAt: 8_500, at: 9_000 }),
      ageMs: 500,
    });
    const namesOf = (...kept: Parameters<typeof processesOf>[0]) => processesOf(kept).gateways.map(({ id }) => id);
    expect(namesOf(killed, started('here'))).to.deep.equal(['gateway-1:2']);
    expect(processesOf([killed, started('here')]).live).to.have.length(1);
    expect(namesOf(killed, started('elsewhere'))).to.have.length(2);
    const running = { snapshot: snapshot({ at: 9_000 }), ageMs: 500 };
    expect(namesOf(running, started('here'))).to.have.length(2);
  });

  it('have rates of their own interval', () => {
    const differences = { chat_fanout_received_total: 40, chat_fanout_useful_total: 30 };
    const [gateway] = processesOf([{ snapshot: snapshot({ differences, overMs: 4_000 }), ageMs: 0 }]).gateways;
    expect(gateway).to.include({ deliveredPerSecond: 7.5, fanoutWaste: 0.25 });
  });
});

describe('the versions of the processes', () => {
  const of = (version: string, startedAt: number) => snapshot({ version, startedAt });

  it('are shown while they differ, newest first, since the newest one started', () => {
    const rollout = [of('0.9.0', 1_000), of('0.9.0', 9_000), of('0.10.0', 5_000), of('0.10.0', 6_000)];
    expect(mixedVersionsOf([of('0.8.0', 500), ...rollout])).to.deep.equal({
      since: 5_000,
      versions: [
        { version: '0.10.0', processes: 2 },
        { version: '0.9.0', processes: 2 },
        { version: '0.8.0', processes: 1 },
      ],
    });
  });

  it('are not shown while they are the same', () => {
    expect(mixedVersionsOf([of('0.9.0', 1_000), of('0.9.0', 2_000)])).to.equal(undefined);
    expect(mixedVersionsOf([])).to.equal(undefined);
  });
});

describe('quantiles of the cluster', () => {
  it('are those of all observations together, not a mean of those of the processes', () => {
    const of = (buckets: [number, number | null, number][]) =>
      snapshot({ buckets: { chat_delivery_seconds: buckets } });
    const busy = of([[0, 0.01, 97]]);
    const slow = of([
      [0, 0.01, 1],
      [1, 2, 2],
    ]);
    const merged = mergedBuckets([busy, slow], 'chat_delivery_seconds');
    expect(merged).to.deep.equal([
      [0, 0.01, 98],
      [1, 2, 2],
    ]);
    expect(quantileOf(merged, 0.5)).to.be.closeTo(0.005, 0.001);
    expect(quantileOf(merged, 0.99)).to.equal(1.5);
    expect(flowOf([busy, slow]).deliveryP99Ms).to.equal(1_500);
  });

  it('are absent without observations, and the lower bound in the last bucket', () => {
    expect(quantileOf([], 0.99)).to.equal(undefined);
    expect(quantileOf([[10, null, 3]], 0.99)).to.equal(10);
  });
});

describe('the verdict', () => {
  it('is healthy, degraded, or broken when messages are not stored or not delivered', () => {
    const judge = new Judge();
    expect(judge.judge(facts())).to.deep.equal({ state: 'healthy', alerts: [] });
    const letters = { ...facts().flow, deadLetters: 3 };
    const degraded = judge.judge(facts({ flow: letters }));
    expect(degraded.state).to.equal('degraded');
    expect(degraded.alerts).to.deep.equal([
      {
        name: 'ChatDeadLetters',
        severity: 'ticket',
        summary: '3 entries could not be stored and wait for an operator.',
        runbook: 'chatdeadletters',
      },
    ]);
    const broken = judge.judge(facts({ postgres: { server: 'postgres:5432', up: false, unreachableFrom: [] } }));
    expect(broken.state).to.equal('broken');
  });

  it('does not judge a lane without a worker during a hand-over', () => {
    const free = facts({ lanes: [{ lane: 'inbox-0', batches: 0, oldestMs: 0, givenUp: 0 }] });
    expect(new Judge().judge(free).alerts).to.deep.equal([]);
  });

  it('names a late lane with its age', () => {
    const [lane] = facts().lanes;
    const late = new Judge().judge(facts({ lanes: lane ? [{ ...lane, oldestMs: 12_300 }] : [] }));
    expect(late.alerts.map(({ summary }) => summary)).to.deep.equal(['The oldest batch of inbox-0 is 12.3 s old.']);
  });
});

describe('the recent changes', () => {
  it('are the differences between two overviews, newest first, and at most 50', () => {
    const [log, judge] = [new ChangeLog(), new Judge()];
    const add = (one: Facts) => log.add(one, judge.judge(one));
    const down = (up: boolean) => facts({ postgres: { server: 'postgres:5432', up, unreachableFrom: [] } });
    expect(add(facts())).to.deep.equal([{ at: 1_000, subject: 'gateway-1', text: 'started, version 0.2.0' }]);
    expect(add(facts())).to.have.length(1);
    const texts = add(down(false)).map(({ subject, text }) => `${subject} ${text}`);
    expect(texts.slice(0, 2).sort()).to.deep.equal([
      ' broken: ChatPostgresUnreachable',
      'Postgres (postgres:5432) does not respond',
    ]);
    for (let i = 0; i < 40; i++) add(down(i % 2 === 0));
    expect(add(facts({ gateways: [], live: [] }))).to.have.length(50);
  });
});
