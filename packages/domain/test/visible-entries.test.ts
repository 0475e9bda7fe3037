import type { Window } from '@chat-cluster/contracts';
import { firstAfter, isVisible, lastBefore, type SeqInterval, visibleIntervals } from '@chat-cluster/domain';
import { expect } from 'chai';
import fc from 'fast-check';

const seqsOf = (intervals: readonly SeqInterval[]) =>
  intervals.flatMap(({ fromSeq, toSeq }) => Array.from({ length: toSeq - fromSeq + 1 }, (_, i) => fromSeq + i));

describe('the entries that a user may see', () => {
  it('are all of a direct conversation', () => {
    expect(seqsOf(visibleIntervals(undefined, 3))).to.deep.equal([1, 2, 3]);
    expect(visibleIntervals(undefined, 0)).to.deep.equal([]);
  });

  /** Windows in order and without overlap, as the lengths of gaps and windows; the last one may be open. */
  const someWindows = fc
    .tuple(fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.nat(5)), { minLength: 1, maxLength: 5 }), fc.boolean())
    .map(([lengths, isOpen]) => {
      let seq = 0;
      const windows = lengths.map(([gap, length]): Window => {
        const fromSeq = seq + gap;
        seq = fromSeq + length;
        return { fromSeq, toSeq: seq };
      });
      return isOpen ? windows.with(-1, { fromSeq: windows.at(-1)?.fromSeq ?? 1, toSeq: null }) : windows;
    });

  it('are those of the windows, page by page in both directions', () => {
    fc.assert(
      fc.property(
        someWindows,
        fc.nat(60),
        fc.nat(60),
        fc.integer({ min: 1, max: 9 }),
        (windows, lastSeq, at, limit) => {
          const all = Array.from({ length: lastSeq }, (_, i) => i + 1).filter((seq) =>
            windows.some(({ fromSeq, toSeq }) => fromSeq <= seq && seq <= (toSeq ?? seq)),
          );
          const visible = visibleIntervals(windows, lastSeq);
          expect(seqsOf(visible)).to.deep.equal(all);
          expect(seqsOf(firstAfter(visible, at, limit))).to.deep.equal(all.filter((seq) => seq > at).slice(0, limit));
          expect(seqsOf(lastBefore(visible, at, limit))).to.deep.equal(all.filter((seq) => seq < at).slice(-limit));
          expect(isVisible(visible, at)).to.equal(all.includes(at));
        },
      ),
    );
  });
});
