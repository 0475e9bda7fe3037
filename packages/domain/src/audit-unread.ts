import type { Counter, CounterKey, UnreadAudit } from './ports.ts';

/** A counter that differs from the number of its unread messages, which is `truth`. */
export interface Drift extends Counter {
  truth: number;
}

/** Most messages that one statement counts: 10 to 40 ms of Postgres, 1 to 2 s if none of them is in memory. */
const MESSAGES_PER_COUNT = 20_000;
const RANGES_PER_COUNT = 200;
/** Attempts to heal a counter that changes meanwhile; each takes milliseconds. */
const HEAL_ATTEMPTS = 10;

/**
 * Returns the counters that drifted. Each counter is a consistent snapshot of one moment, so a difference is real
 * whatever happens meanwhile. Unread messages are counted in pieces, so that millions of them become many short
 * statements.
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
 * Heals drifted counters. A counter that changed meanwhile is read, counted and tried again. Returns the counters that
 * were `healed` and those that kept changing (`left`); one that a read mark corrected in between is in neither.
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

/** Most messages that a slice counts, unless its first counter alone has more. */
const MESSAGES_PER_SLICE = 200_000;

/** The first counters, at least one, that make up a bounded amount of work. */
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
