import type { Window } from '@chat-cluster/contracts';
import type { ConversationState } from '../core/conversation-state.ts';
import type { SeqRange } from '../core/message-window.ts';

const ALL: Window = { fromSeq: 1, toSeq: null };

/** The parts of these ranges that lie in the windows of a user. Hidden `seq` are no holes: their messages never arrive. */
export function visibleParts(ranges: readonly SeqRange[], windows: readonly Window[]): SeqRange[] {
  return ranges.flatMap((range) =>
    windows
      .map(({ fromSeq, toSeq }) => ({
        fromSeq: Math.max(fromSeq, range.fromSeq),
        toSeq: Math.min(toSeq ?? range.toSeq, range.toSeq),
      }))
      .filter(({ fromSeq, toSeq }) => fromSeq <= toSeq),
  );
}

/** The part before the loaded messages that is loaded next. */
export function olderPart({ extra, firstSeq }: ConversationState): SeqRange | undefined {
  const older = [{ fromSeq: 1, toSeq: firstSeq - 1 }];
  return visibleParts(older, extra.group?.windows ?? [ALL]).at(-1);
}

/** The last hidden `seq` after `upTo`, if the next one is hidden and a later one is not. */
export function hiddenUpTo(windows: readonly Window[], upTo = Number.POSITIVE_INFINITY): number | undefined {
  const next = windows.find(({ toSeq }) => toSeq === null || toSeq > upTo);
  return next && next.fromSeq > upTo + 1 ? next.fromSeq - 1 : undefined;
}
