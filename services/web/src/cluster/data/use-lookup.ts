import { useCallback, useEffect, useRef, useState } from 'react';
import { describeFailure } from './request-json.ts';

/** Time limit for a lookup, in ms. */
const DEADLINE_MS = 10_000;

export interface Lookup<Result> {
  loading: boolean;
  result?: Result;
  failure?: string;
}

/** Loads on demand. A newer load, and leaving the page, abort the one under way. */
export function useLookup<Result>() {
  const [lookup, setLookup] = useState<Lookup<Result>>({ loading: false });
  const underWay = useRef<AbortController>(null);
  useEffect(() => () => underWay.current?.abort(), []);

  const load = useCallback(async (get: (signal: AbortSignal) => Promise<Result>) => {
    underWay.current?.abort();
    const controller = new AbortController();
    underWay.current = controller;
    setLookup(({ result }) => ({ loading: true, ...(result !== undefined && { result }) }));
    try {
      const result = await get(AbortSignal.any([controller.signal, AbortSignal.timeout(DEADLINE_MS)]));
      if (!controller.signal.aborted) setLookup({ loading: false, result });
    } catch (error) {
      if (!controller.signal.aborted) setLookup({ loading: false, failure: describeFailure(error) });
    }
  }, []);
  const clear = useCallback(() => {
    underWay.current?.abort();
    setLookup({ loading: false });
  }, []);
  return { lookup, load, clear };
}
