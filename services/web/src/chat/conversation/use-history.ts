import type { Conversation, Hole, MessagesSnapshot } from '@chat-cluster/client';
import { useChatClient, useChatStatus } from '@chat-cluster/client/react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';

/** Messages that one request loads. */
const PAGE = 200;

interface History {
  loadOlder(): void;
  /** Loads the messages after the window, if there are any. */
  loadNewer(): void;
  /** Replaces the window by the newest messages. Returns false if it has them, or cannot get them now. */
  openNewest(): boolean;
  retry(): void;
  /** Why the last request failed. */
  problem: string | undefined;
}

/**
 * Loads the messages before and after the window, one request at a time. After a failure it waits for the user or for the
 * next connection.
 */
export function useHistory(conversation: Conversation): History {
  const [problem, setProblem] = useState<string>();
  const isBusy = useRef(false);
  const client = useChatClient();
  const isLive = useChatStatus().state === 'live';
  useEffect(() => {
    if (isLive) setProblem(undefined);
  }, [isLive]);
  const run = useCallback((load: () => Promise<void>) => {
    if (isBusy.current) return;
    isBusy.current = true;
    load()
      .then(() => setProblem(undefined))
      .catch((error: Error) => setProblem(error.message))
      .finally(() => {
        isBusy.current = false;
      });
  }, []);
  return useMemo(() => {
    const older = () => run(() => conversation.loadOlder(PAGE));
    return {
      loadOlder: () => problem === undefined && conversation.messages.get().hasOlder && older(),
      loadNewer() {
        // Not the snapshot that is drawn: a load up to the newest message lets new ones enter the window again.
        const snapshot = conversation.messages.get();
        const hole = newerThan(snapshot);
        // After a reconnect the client loads the newest messages itself.
        if (!hole || snapshot.isLoading || problem !== undefined) return;
        const toSeq = Math.min(hole.toSeq, hole.fromSeq + PAGE - 1);
        run(() => conversation.loadHole({ fromSeq: hole.fromSeq, toSeq }, PAGE));
      },
      openNewest() {
        if (!isLive || !newerThan(conversation.messages.get())) return false;
        conversation.release();
        client.conversation(conversation.id);
        return true;
      },
      retry: older,
      problem,
    };
  }, [client, conversation, isLive, problem, run]);
}

/** The messages after the window: it is full, and the user reads older ones. */
export function newerThan({ messages, holes }: Pick<MessagesSnapshot, 'messages' | 'holes'>): Hole | undefined {
  const last = holes.at(-1);
  return last && last.fromSeq > lastSeqOf(messages) ? last : undefined;
}

/** The newest stored message; 0 for none. */
export function lastSeqOf(messages: MessagesSnapshot['messages']): number {
  return messages.findLast(({ seq }) => seq !== undefined)?.seq ?? 0;
}
