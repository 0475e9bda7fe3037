import type { Message } from '@chat-cluster/contracts';
import { ChatCore, type CoreOptions } from '../src/core/core.ts';
import type { ManualClock } from './manual-clock.ts';

/** A core, and what it has reported. */
export function createCore(clock: ManualClock, options: Partial<CoreOptions> = {}) {
  const messages: Message[] = [];
  const discontinuities: (string | undefined)[] = [];
  const stored: string[] = [];
  const reads: number[] = [];
  let caughtUp = 0;
  const core = new ChatCore(
    clock,
    { windowSize: 500, maxBacklog: 500, maxOutboxAgeMs: 86_400_000, maxSending: 1, ...options },
    {
      message: (message) => messages.push(message),
      changed: () => {},
      counted: () => {},
      read: ({ upToSeq }) => reads.push(upToSeq),
      outboxChanged: () => {},
      acknowledged: ({ clientMessageId }) => stored.push(clientMessageId),
      discontinuity: (state) => discontinuities.push(state?.id),
      caughtUp: () => caughtUp++,
    },
  );
  return { core, messages, discontinuities, stored, reads, caughtUp: () => caughtUp };
}
