import type { ActionResult } from '@chat-cluster/contracts';
import { useCallback, useState } from 'react';
import { pullNow } from '../data/cluster-store.ts';
import { ApiError, describeFailure } from '../data/request-json.ts';
import type { Outcome } from './notice.tsx';

/** Runs one action at a time and keeps its outcome as a sentence. */
export function useAction() {
  const [running, setRunning] = useState(false);
  const [outcome, setOutcome] = useState<Outcome>();
  const run = useCallback(async (action: () => Promise<Pick<ActionResult, 'done' | 'failed'>>, then?: () => void) => {
    setRunning(true);
    try {
      const { done, failed } = await action();
      setOutcome({ tone: failed?.length ? 'warning' : 'good', text: done, ...(failed && { failed }) });
    } catch (error) {
      // Without an answer the server may have performed the action.
      const result = error instanceof ApiError ? 'The action failed.' : 'The result of the action is unknown.';
      setOutcome({ tone: 'bad', text: `${result} ${describeFailure(error)}` });
    } finally {
      setRunning(false);
      pullNow();
      then?.();
    }
  }, []);
  return { running, outcome, run };
}
