import type { MemberAudit, MemberCounts } from './group-ports.ts';
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

/** Attempts to count a conversation without a change of its messages during the count. */
const COUNT_ATTEMPTS = 5;

/**
 * Returns the counters that drifted. Each counter is a snapshot of one moment, so a difference is real even if new
 * messages arrive during the count. A message may be deleted during the count: then `lastRev` has changed, and the
 * counter is read and counted again. One that changes in each attempt is left to the next audit.
 */
export async function findDrift(
  audit: UnreadAudit,
  counters: readonly Counter[],
  attempts = COUNT_ATTEMPTS,
): Promise<Drift[]> {
  const suspects = attempts > 0 ? await differing(audit, counters) : [];
  if (suspects.length === 0) return [];
  const current = new Map((await audit.of(suspects)).map((counter) => [keyOf(counter), counter]));
  const isUnchanged = (drift: Drift) => current.get(keyOf(drift))?.lastRev === drift.lastRev;
  const changed = suspects.filter((drift) => !isUnchanged(drift)).flatMap((drift) => current.get(keyOf(drift)) ?? []);
  return [...suspects.filter(isUnchanged), ...(await findDrift(audit, changed, attempts - 1))];
}

/**
 * The counters that differ from the number of their messages. Messages are counted in pieces, so that a million unread
 * messages need many short statements instead of a long one.
 */
async function differing(audit: UnreadAudit, counters: readonly Counter[]): Promise<Drift[]> {
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
export function healDrift(audit: UnreadAudit, drifts: readonly Drift[]): Promise<Healing<Drift>> {
  return healAll(
    drifts,
    (some) => audit.heal(some),
    async (keys) => findDrift(audit, await audit.of(keys)),
  );
}

/** Whether what a member stores differs from the truth. */
export function hasDrifted({ stored, truth }: MemberCounts): boolean {
  return (
    stored.readCounted !== truth.readCounted || stored.ownAfter !== truth.ownAfter || stored.mentions !== truth.mentions
  );
}

/** The same for the counts of members of groups. */
export function healMemberDrift(audit: MemberAudit, drifts: readonly MemberCounts[]): Promise<Healing<MemberCounts>> {
  return healAll(
    drifts,
    (some) => audit.heal(some),
    async (keys) => (await audit.of(keys)).filter(hasDrifted),
  );
}

export interface Healing<D> {
  healed: D[];
  left: D[];
}

async function healAll<D extends CounterKey>(
  drifts: readonly D[],
  heal: (drifts: readonly D[]) => Promise<CounterKey[]>,
  readAgain: (keys: readonly CounterKey[]) => Promise<D[]>,
): Promise<Healing<D>> {
  const healed: D[] = [];
  let left = drifts;
  for (let attempt = 0; left.length > 0 && attempt < HEAL_ATTEMPTS; attempt++) {
    const done = new Set((await heal(left)).map(keyOf));
    healed.push(...left.filter((drift) => done.has(keyOf(drift))));
    const others = left.filter((drift) => !done.has(keyOf(drift)));
    left = others.length > 0 ? await readAgain(others) : [];
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
