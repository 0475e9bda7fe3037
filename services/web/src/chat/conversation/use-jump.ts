import type { Conversation } from '@chat-cluster/client';
import { useCallback, useEffect, useState } from 'react';
import { usePaneView } from '../pane/pane-view.ts';
import type { Row } from './row.ts';

/** Messages that are loaded around one that is not: it is about in their middle. */
const AROUND = 100;
/** Time for which the message is marked, in ms. */
const MARKED_MS = 2_000;

interface JumpOptions {
  conversation: Conversation;
  rows: readonly Row[];
  showRow(index: number): void;
}

/** Leads to a message, for example to a quoted one: loads it if need be, brings it into view, and marks it for a moment. */
export function useJump({ conversation, rows, showRow }: JumpOptions) {
  const report = usePaneView((view) => view.report);
  /** The message that is brought into view when it is in a row. */
  const [target, setTarget] = useState<number>();
  const [marked, setMarked] = useState<number>();
  useEffect(() => {
    const index = target === undefined ? -1 : rows.findIndex(({ message }) => message.seq === target);
    if (index === -1) return;
    showRow(index);
    setTarget(undefined);
    setMarked(target);
  }, [target, rows, showRow]);
  useEffect(() => {
    if (marked === undefined) return;
    const timer = setTimeout(() => setMarked(undefined), MARKED_MS);
    return () => clearTimeout(timer);
  }, [marked]);
  const jumpTo = useCallback(
    (seq: number) => {
      setMarked(undefined);
      load(conversation, seq).then(
        () => setTarget(seq),
        (error: Error) => report(`The quoted message is not shown: ${error.message}`),
      );
    },
    [conversation, report],
  );
  return { marked, jumpTo };
}

/** Loads a message and its neighbours, unless it is loaded. */
async function load(conversation: Conversation, seq: number): Promise<void> {
  const isLoaded = () => conversation.messages.get().messages.some((message) => message.seq === seq);
  if (isLoaded()) return;
  const fromSeq = Math.max(1, seq - AROUND / 2);
  await conversation.loadHole({ fromSeq, toSeq: fromSeq + AROUND - 1 }, AROUND);
  if (!isLoaded()) throw new Error('You cannot see it, or it is not kept any more.');
}
