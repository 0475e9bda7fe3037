import { expect } from 'chai';
import { type TraceEvent, workOf } from '../src/experiments/long-list/frame-work.ts';

const PAGE = { pid: 7, tid: 7 };

function task(ts: number, dur: number, cpu: number, thread = PAGE): TraceEvent {
  return { name: 'RunTask', ts, dur, tdur: cpu, ...thread };
}

function frame(ts: number): TraceEvent {
  return { name: 'FireAnimationFrame', ts, ...PAGE };
}

describe('the work per frame', () => {
  it('is the CPU time of the tasks since the frame before, in any order of the events', () => {
    const events = [
      frame(110),
      task(100, 5_000, 4_000),
      task(20_000, 3_000, 2_000),
      task(30_000, 9_000, 1_500),
      frame(30_100),
      task(50_000, 1_000, 500),
      frame(50_200),
    ];
    expect(workOf(events)).to.deep.equal([3.5, 0.5]);
    expect(workOf(events.toReversed())).to.deep.equal([3.5, 0.5]);
  });

  it('counts the thread of the page only, and no frame twice', () => {
    const other = { pid: 8, tid: 8 };
    const events = [
      task(0, 100, 100),
      frame(10),
      task(200, 100, 9_000, other),
      task(400, 100, 1_000),
      frame(410),
      frame(420),
    ];
    expect(workOf(events)).to.deep.equal([1]);
    expect(workOf([])).to.deep.equal([]);
  });
});
