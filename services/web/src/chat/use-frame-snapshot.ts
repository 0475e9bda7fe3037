import type { Observable } from '@chat-cluster/client';
import { useEffect, useState } from 'react';

/**
 * The value of an observable, at most once per frame: a burst of messages is drawn together. A hidden page, which has no
 * frames, draws the last value when it is shown.
 */
export function useFrameSnapshot<T>(observable: Observable<T>): T {
  const [snapshot, setSnapshot] = useState(() => observable.get());
  useEffect(() => {
    let frame: number | undefined;
    const show = () => {
      frame = undefined;
      // A function would be called by React.
      setSnapshot(() => observable.get());
    };
    const off = observable.subscribe(() => {
      frame ??= requestAnimationFrame(show);
    });
    show();
    return () => {
      off();
      if (frame !== undefined) cancelAnimationFrame(frame);
    };
  }, [observable]);
  return snapshot;
}
