import { expect } from 'chai';
import { measureOverload, type OverloadFigures } from '../src/experiments/overload/measure.ts';
import { recoverySeconds, reportOverload } from '../src/experiments/overload/report.ts';
import type { Second } from '../src/traffic/run.ts';

describe('an overload', () => {
  it('ends no process and loses nothing', async () => {
    const options = { pairs: 10, probe: 0.5, calm: 1, seconds: 2, after: 1 };
    const figures = await measureOverload(options, () => {});
    const { outcome, memory, sustainable } = figures;
    expect(sustainable).to.be.greaterThan(100);
    expect(outcome).to.include({ lost: 0, duplicated: 0, reordered: 0 }).and.not.have.property('died');
    expect(outcome.timeline).to.have.length(4);
    expect(outcome.timeline[1]?.sent).to.be.greaterThan(sustainable);
    for (const { megabytes } of memory) {
      expect(megabytes.length).to.be.at.least(3);
      expect(Math.min(...megabytes)).to.be.greaterThan(1);
    }
    expect(reportOverload(figures).verdicts).to.have.length(6);
  });

  it('is over when no later second is slow', () => {
    const calm = second(20);
    const at = (...after: Second[]) => recoverySeconds(figuresOf([calm, second(3_000), ...after]));
    expect(at(calm, calm, calm)).to.equal(0);
    expect(at(second(900), calm, second(80), calm)).to.equal(3);
    expect(at(calm, second(900))).to.equal(undefined);
  });

  it('meets its targets only if messages were refused, and all of them with OVERLOADED', () => {
    const oks = (refusedBy: Record<string, number>) =>
      reportOverload(figuresOf([second(20), second(1_900), second(20)], refusedBy)).verdicts.map(({ ok }) => ok);
    expect(oks({ OVERLOADED: 5 })).to.deep.equal([true, true, true, true, true, true]);
    expect(oks({ OVERLOADED: 5, TIMEOUT: 1 })).to.deep.equal([true, true, false, true, true, true]);
    expect(oks({})).to.deep.equal([true, true, false, true, true, true]);
  });
});

function second(ackP99: number): Second {
  return { sent: 100, acked: 100, ackP99 };
}

/** A second of calm, one of overload, and the rest. */
function figuresOf(timeline: Second[], refusedBy: Record<string, number> = {}): OverloadFigures {
  const refused = Object.values(refusedBy).reduce((sum, count) => sum + count, 0);
  const delivery = { p50: 1, p99: 2, max: 3 };
  const counts = { sent: 300, lost: 0, refused, duplicated: 0, reordered: 0 };
  return {
    options: { pairs: 1, probe: 1, calm: 1, seconds: 1, after: timeline.length - 2 },
    sustainable: 100,
    memory: [{ name: 'gateways', megabytes: [100, 120] }],
    outcome: { deliveredPerSecond: 100, delivery, cpu: {}, ...counts, refusedBy, timeline },
  };
}
