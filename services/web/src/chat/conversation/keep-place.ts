import type { Virtualizer } from '@tanstack/react-virtual';

/** Rows in the document whose height the browser has reported. */
const measured = new WeakSet<Element>();

/** Notes that the browser has reported the height of a row. It counts after the rows that are reported with it. */
export function noteMeasured(row: Element): void {
  queueMicrotask(() => measured.add(row));
}

/**
 * True when a change of the height of a row must move the view by as much. The first row on the screen that was there
 * before keeps its place: rows above it move the view, and rows below it move themselves.
 *
 * The library keeps the top edge of the view in place instead. That is the same while rows are measured before they reach
 * the screen. When the page is late to draw, rows come into view unmeasured, and the rows below them would move by the
 * difference to the estimate.
 */
export function movesView<View extends Element, RowElement extends Element>(
  { index, start }: { index: number; start: number },
  { range, elementsCache, options, scrollOffset }: Virtualizer<View, RowElement>,
): boolean {
  const { startIndex, endIndex } = range ?? { startIndex: 0, endIndex: -1 };
  for (let shown = startIndex; shown <= endIndex; shown++) {
    const row = elementsCache.get(options.getItemKey(shown));
    if (row && measured.has(row)) return index < shown;
  }
  return start < (scrollOffset ?? 0);
}
