import type { ClusterOverview } from '@chat-cluster/contracts';
import { expect } from 'chai';
import { recordOverview, SHED } from '../../src/cluster/data/record-overview.ts';
import { Samples } from '../../src/cluster/data/samples.ts';

describe('the figures that are recorded from an overview', () => {
  it('are zero for an error code that is reported no more', () => {
    const samples = new Samples({ capacity: 10, gapMs: 5_000, maxSeries: 20 });
    recordOverview(samples, overviewOf(1_000, { RATE_LIMITED: 3 }));
    recordOverview(samples, overviewOf(3_000, {}));
    expect(samples.series(`${SHED}RATE_LIMITED`)).to.deep.equal([3, 0]);
  });

  it('include the oldest entry of the lanes that could be read', () => {
    const samples = new Samples({ capacity: 10, gapMs: 5_000, maxSeries: 20 });
    const lane = { batches: 1, givenUp: 0 };
    recordOverview(samples, {
      ...overviewOf(1_000, {}),
      lanes: [
        { lane: 'inbox-0', oldestMs: 40, ...lane },
        { lane: 'inbox-1', oldestMs: 70, ...lane },
        { lane: 'inbox-2', oldestMs: 0, fault: 'Redis is away', ...lane },
      ],
    });
    recordOverview(samples, overviewOf(3_000, {}));
    expect(samples.series('lag')).to.deep.equal([70, null]);
  });
});

function overviewOf(at: number, shedPerSecond: Record<string, number>): ClusterOverview {
  const flow = { acceptedPerSecond: 0, storedPerSecond: 0, deliveredPerSecond: 0, unreadDrift: 0, deadLetters: 0 };
  return {
    at,
    clusterName: 'test',
    verdict: { state: 'healthy', alerts: [] },
    changes: [],
    gateways: [],
    workers: [],
    lanes: [],
    redis: [],
    postgres: { server: 'localhost:5432', up: true, unreachableFrom: [] },
    flow: { ...flow, shedPerSecond },
    unreadableSnapshots: 0,
    snapshotCpuPercent: 0,
    canAct: false,
  };
}
