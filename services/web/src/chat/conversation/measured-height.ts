import type { Virtualizer } from '@tanstack/react-virtual';
import { noteMeasured } from './keep-place.ts';

/**
 * The height of a row, as the browser reports it after a layout. Before the first layout it is the known height or the
 * estimate: reading the document while React commits would force a layout for each new row, and render the list again
 * within the commit.
 */
export function measuredHeight<View extends Element>(
  element: HTMLDivElement,
  entry: ResizeObserverEntry | undefined,
  list: Virtualizer<View, HTMLDivElement>,
): number {
  const [box] = entry?.borderBoxSize ?? [];
  if (box) {
    noteMeasured(element);
    return Math.round(box.blockSize);
  }
  const index = list.indexFromElement(element);
  return list.itemSizeCache.get(list.options.getItemKey(index)) ?? list.options.estimateSize(index);
}
