import { useVirtualizer, type Virtualizer } from '@tanstack/react-virtual';
import { type RefObject, useCallback, useEffect, useRef } from 'react';
import { dayOf } from '../../ui/formats.ts';
import { movesView } from './keep-place.ts';
import { measuredHeight } from './measured-height.ts';
import type { Row } from './row.ts';
import { useQuietState } from './use-quiet-state.ts';
import { useStickToEnd } from './use-stick-to-end.ts';

/** Distance from the end within which the newest message counts as on the screen, in px. */
const AT_END_PX = 48;
/** Height of the mark above the first message, in px. */
const TOP_PX = 52;
/** Height below the last message, in px. */
const BOTTOM_PX = 10;
/** Rows before the end of the window at which the next messages are requested: a fast wheel scrolls some 90 rows per second. */
const PREFETCH_ROWS = 60;
/** Measured heights of rows that are not in the window, at most: they are exact when the rows come back. */
const KEPT_HEIGHTS = 2_000;

export type RowVirtualizer = Virtualizer<HTMLDivElement, HTMLDivElement> & {
  containerRef?: (node: HTMLElement | null) => void;
};

interface VirtualRows {
  rows: readonly Row[];
  scroller: RefObject<HTMLDivElement | null>;
  /** Newer messages exist that are not in the window. */
  hasNewer: boolean;
  /** Messages are being loaded. At the end of a load, the next one may be due. */
  isLoading: boolean;
  /** New messages do not move the view. */
  isPaused: boolean;
  /** Called with true while the newest message is on the screen. */
  onAtEnd(isAtEnd: boolean): void;
  loadOlder(): void;
  loadNewer(): void;
}

/** The rows in the document, and the position of the view. Messages are loaded before the user reaches them. */
export function useVirtualRows(options: VirtualRows) {
  const { rows, scroller, hasNewer, isLoading, isPaused, onAtEnd, loadOlder, loadNewer } = options;
  /** The day of the message at the top of the view; undefined while the mark of the first day is there. */
  const [floatingDay, setFloatingDay] = useQuietState<number | undefined>(undefined);
  const onChange = useRef<(list: RowVirtualizer) => void>(() => {});
  const list: RowVirtualizer = useVirtualizer<HTMLDivElement, HTMLDivElement>({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => rows[index]?.estimate ?? 0,
    getItemKey: useCallback((index: number) => rows[index]?.key ?? index, [rows]),
    measureElement: measuredHeight,
    anchorTo: 'end',
    // Never at the end for the library: useStickToEnd holds the end, and a row there may grow without moving.
    scrollEndThreshold: -1,
    overscan: 8,
    paddingStart: TOP_PX,
    paddingEnd: BOTTOM_PX,
    // A movement of the rows changes their style only; React draws when other rows come into the document.
    directDomUpdates: true,
    directDomUpdatesMode: 'position',
    useFlushSync: false,
    onChange: (changed) => onChange.current(changed),
  });
  list.shouldAdjustScrollPositionOnItemSizeChange = (row, _, of) => movesView(row, of);
  const scrollToRow = useCallback((index: number) => list.scrollToIndex(index, { align: 'start' }), [list]);
  const { isHeld, moved, stick, release, hold } = useStickToEnd({ view: scroller, rows, isPaused, scrollToRow });
  // The numbers of the list, not those of the document: reading these would force a layout.
  const onView = useCallback(() => {
    const height = list.scrollRect?.height ?? 0;
    // Without a height the conversation is not shown, for example behind the list on a phone.
    if (height === 0) return onAtEnd(false);
    const offset = list.scrollOffset ?? 0;
    const isNearEnd = list.getTotalSize() - offset - height < AT_END_PX;
    const isAtEnd = !hasNewer && (isHeld() || isNearEnd);
    onAtEnd(isAtEnd);
    moved(isAtEnd);
    const { startIndex, endIndex } = list.range ?? { startIndex: 0, endIndex: 0 };
    const at = rows[startIndex]?.at;
    setFloatingDay(at !== undefined && offset > TOP_PX ? dayOf(at) : undefined);
    if (rows.length === 0 || isLoading) return;
    if (startIndex < PREFETCH_ROWS) loadOlder();
    if (hasNewer && endIndex > rows.length - PREFETCH_ROWS) loadNewer();
  }, [list, rows, hasNewer, isLoading, isHeld, moved, onAtEnd, setFloatingDay, loadOlder, loadNewer]);
  const showRow = useCallback(
    (index: number) => {
      release();
      list.scrollToIndex(index, { align: 'center' });
    },
    [list, release],
  );
  const heldSize = useRef(0);
  useEffect(() => {
    onChange.current = () => {
      const size = list.getTotalSize();
      if (size !== heldSize.current) hold();
      heldSize.current = size;
      onView();
    };
    onView();
  }, [list, hold, onView]);
  useEffect(() => forgetHeights(list, rows), [list, rows]);
  const showEnd = () =>
    list.scrollToEnd({ behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
  return { list, floatingDay, stick, release, showEnd, showRow };
}

function forgetHeights({ itemSizeCache }: RowVirtualizer, rows: readonly Row[]): void {
  if (itemSizeCache.size <= rows.length + KEPT_HEIGHTS) return;
  const kept = new Set<unknown>(rows.map(({ key }) => key));
  for (const key of itemSizeCache.keys()) if (!kept.has(key)) itemSizeCache.delete(key);
}
