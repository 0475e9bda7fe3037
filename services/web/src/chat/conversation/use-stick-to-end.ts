import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef } from 'react';
import type { Row } from './row.ts';

/** Time after an upward movement of the user in which the end does not hold the view, in ms: a wheel scrolls smoothly. */
const RELEASED_MS = 400;
/** Beyond the height of every list, in px: the browser scrolls to the end. */
const END_PX = 1e9;

interface StickToEnd {
  view: RefObject<HTMLElement | null>;
  rows: readonly Row[];
  /** The view stays where it is, for example while a menu beside a message is open. */
  isPaused: boolean;
  scrollToRow(index: number): void;
}

/**
 * The end of a conversation holds the view: new messages, another size of the view and images keep the newest message on
 * the screen, until the user scrolls up. A conversation opens at its first new message, or at its end.
 */
export function useStickToEnd({ view, rows, isPaused, scrollToRow }: StickToEnd) {
  const isStuck = useRef(true);
  const releasedAt = useRef(Number.NEGATIVE_INFINITY);
  const isPlaced = useRef(false);
  const pause = useRef(isPaused);
  /** Whether the end holds the view now. */
  const isHeld = useCallback(() => isStuck.current && !pause.current, []);
  /** To be called when the height of the list has changed, before the browser paints. */
  const hold = useCallback(() => {
    if (isHeld()) view.current?.scrollTo({ top: END_PX });
  }, [view, isHeld]);

  useLayoutEffect(() => {
    const wasPaused = pause.current;
    pause.current = isPaused;
    if (wasPaused && !isPaused) hold();
  }, [isPaused, hold]);
  useLayoutEffect(() => {
    if (rows.length === 0) return;
    const firstNew = isPlaced.current ? -1 : rows.findIndex(({ newBelow }) => newBelow);
    isPlaced.current = true;
    if (firstNew >= 0) {
      isStuck.current = false;
      scrollToRow(firstNew);
    } else hold();
  }, [rows, scrollToRow, hold]);

  /** The user reads what is on the screen: the end does not hold the view. */
  const release = useCallback(() => {
    isStuck.current = false;
    releasedAt.current = performance.now();
  }, []);
  useEffect(() => {
    const element = view.current;
    if (!element) return;
    const offs = [
      on(element, 'wheel', ({ deltaY }) => deltaY < 0 && release()),
      on(element, 'touchmove', release),
      on(element, 'keydown', ({ key }) => ['ArrowUp', 'PageUp', 'Home'].includes(key) && release()),
      // On the element itself only its scroll bar is pressed.
      on(element, 'pointerdown', ({ target }) => target === element && release()),
    ];
    const observer = new ResizeObserver(hold);
    observer.observe(element);
    return () => {
      for (const off of offs) off();
      observer.disconnect();
    };
  }, [view, hold, release]);

  /** The view has moved, and now shows the newest message or not. */
  const moved = useCallback((isAtEnd: boolean) => {
    if (isAtEnd && performance.now() - releasedAt.current > RELEASED_MS) isStuck.current = true;
  }, []);
  const stick = useCallback(() => {
    isStuck.current = true;
    hold();
  }, [hold]);
  return { isHeld, moved, stick, release, hold };
}

function on<E extends keyof HTMLElementEventMap>(
  element: HTMLElement,
  event: E,
  listener: (event: HTMLElementEventMap[E]) => void,
): () => void {
  element.addEventListener(event, listener, { passive: true });
  return () => element.removeEventListener(event, listener);
}
