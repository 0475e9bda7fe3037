import { useCallback, useRef, useState } from 'react';

/**
 * A state that is set often and changes rarely. React may render once more for an equal value, and throws its error 185
 * when 50 renders in a row each end with another one pending. On a busy machine a steady stream of messages would do.
 */
export function useQuietState<T>(initial: T): [T, (value: T) => void] {
  const [value, setValue] = useState(() => initial);
  const last = useRef(initial);
  const set = useCallback((next: T) => {
    if (Object.is(last.current, next)) return;
    last.current = next;
    setValue(() => next);
  }, []);
  return [value, set];
}
