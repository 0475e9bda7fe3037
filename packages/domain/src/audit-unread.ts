import type { Counter, CounterKey, UnreadAudit } from './ports.ts';

/** A counter that differs from the number of its unread messages, which is `truth`. */
export interface Drift extends Counter {
  truth: number;
}

/** Maximum number of messages in one count. It takes 10 to 40 ms, or 1 to 2 s if none of them is in memory. */
const MESSAGES_PER_COUNT = 20_000;
const RANGES_PER_COUNT = 200;
/** Attempts to heal a counter that changes meanwhile; each takes a few milliseconds. */
const HEAL_ATTEMPTS = 10;

/**
 * Returns the counters that drifted. Each counter is a snapshot of one moment, and messages never change, so a
 * difference is real even if new messages arrive during the count. Messages are counted in pieces, so that a million
 * unread messages need many short statements instead of a long one.
 */
export async function findDrift(audit: UnreadAudit, counters: readonly Counter[]): Promise<Drift[]> {
  const truths = counters.map(() => 0);
  let open: Piece[] = [];
  let size = 0;
  const count = async () => {
    const counts = open.length > 0 ? await audit.count(open) : [];
    open.forEach(({ index }, i) => {
      truths[index] = (truths[index] ?? 0) + (counts[i] ?? 0);
    });
    open = [];
    size = 0;
  };
  for (const piece of counters.flatMap(piecesOf)) {
    const messages = piece.toSeq - piece.fromSeq;
    if (size + messages > MESSAGES_PER_COUNT || open.length === RANGES_PER_COUNT) await count();
    open.push(piece);
    size += messages;
  }
  await count();
  return counters.flatMap((counter, i) => {
    const truth = truths[i] ?? 0;
    return counter.unreadCount === truth ? [] : [{ ...counter, truth }];
  });
}

type Piece = CounterKey & { fromSeq: number; toSeq: number; index: number };

function piecesOf({ conversationId, userId, lastReadSeq, lastSeq }: Counter, index: number): Piece[] {
  const pieces: Piece[] = [];
  for (let fromSeq = lastReadSeq; fromSeq < lastSeq; fromSeq += MESSAGES_PER_COUNT) {
    pieces.push({ conversationId, userId, fromSeq, toSeq: Math.min(lastSeq, fromSeq + MESSAGES_PER_COUNT), index });
  }
  return pieces;
}

/**
 * Heals drifted counters. A counter that has changed since it was read is read and counted again. Returns the counters
 * that were `healed`, and those that changed in each attempt (`left`). A counter that a read mark has corrected
 * meanwhile is in neither.
 */
export async function healDrift(
  audit: UnreadAudit,
  drifts: readonly Drift[],
): Promise<{ healed: Drift[]; left: Drift[] }> {
  const healed: Drift[] = [];
  let left = drifts;
  for (let attempt = 0; left.length > 0 && attempt < HEAL_ATTEMPTS; attempt++) {
    const done = new Set((await audit.heal(left)).map(keyOf));
    healed.push(...left.filter((drift) => done.has(keyOf(drift))));
    const others = left.filter((drift) => !done.has(keyOf(drift)));
    left = others.length > 0 ? await findDrift(audit, await audit.of(others)) : [];
  }
  return { healed, left: [...left] };
}

function keyOf({ conversationId, userId }: CounterKey): string {
  return conversationId + userId;
}

/** Maximum number of messages to count in a slice, unless its first counter alone has more. */
const MESSAGES_PER_SLICE = 200_000;

/** Returns the first counters, at least one, that have at most MESSAGES_PER_SLICE messages to count. */
export function boundedSlice(counters: readonly Counter[]): Counter[] {
  let messages = 0;
  const end = counters.findIndex((counter, i) => {
    messages += unreadSpan(counter);
    return i > 0 && messages > MESSAGES_PER_SLICE;
  });
  return counters.slice(0, end === -1 ? counters.length : end);
}

/** Messages after the read mark, including the user's own: the cost of counting the unread ones. */
export function unreadSpan({ lastSeq, lastReadSeq }: Counter): number {
  return Math.max(0, lastSeq - lastReadSeq);
}
