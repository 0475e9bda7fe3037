import { setTimeout as delay } from 'node:timers/promises';
import type { ConversationId } from '@chat-cluster/contracts';
import type { RecentMessages } from '@chat-cluster/domain';

/** Conversations that wait for another attempt. Beyond this the one that waits longest is given up. */
const MAX_WAITING = 100_000;
const IDS_PER_ATTEMPT = 1_000;
const RETRY_MS = 500;
/** After this time without an append, the cache has let the messages of a conversation expire. */
const EXPIRES_MS = 3_600_000;

export interface DropChangedOptions {
  recent: Pick<RecentMessages, 'drop'>;
  /** Aborted when the process stops. */
  signal: AbortSignal;
  onFailure(): void;
  retryMs?: number;
}

/**
 * Drops conversations from the cache of recent messages because a message has changed. The first attempt is made at
 * once, so it keeps the order with appends. A drop that fails is repeated until it succeeds or the messages have
 * expired: otherwise the cache would serve the message from before its change.
 */
export function createDropChanged({ recent, signal, onFailure, retryMs = RETRY_MS }: DropChangedOptions) {
  const waiting = new Map<ConversationId, number>();
  let isRetrying = false;

  /** Keeps the ids before the attempt: a change meanwhile adds its id again. */
  async function attempt(ids: readonly ConversationId[], since: number): Promise<void> {
    try {
      await recent.drop(ids);
    } catch {
      onFailure();
      for (const id of ids) waiting.set(id, Math.max(since, waiting.get(id) ?? 0));
      for (const oldest of waiting.keys()) {
        if (waiting.size <= MAX_WAITING) break;
        waiting.delete(oldest);
      }
    }
  }

  async function retry(): Promise<void> {
    if (isRetrying) return;
    isRetrying = true;
    try {
      while (waiting.size > 0) {
        await delay(retryMs, undefined, { signal });
        const some = [...waiting].slice(0, IDS_PER_ATTEMPT);
        for (const [id] of some) waiting.delete(id);
        const fresh = some.filter(([, since]) => performance.now() - since < EXPIRES_MS);
        const since = Math.min(...fresh.map(([, at]) => at));
        if (fresh.length > 0)
          await attempt(
            fresh.map(([id]) => id),
            since,
          );
      }
    } catch {
      // The process stops.
    } finally {
      isRetrying = false;
    }
  }

  return (ids: readonly ConversationId[]): void => {
    if (ids.length > 0) void attempt([...new Set(ids)], performance.now()).then(retry);
  };
}
