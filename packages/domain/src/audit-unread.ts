import type { Counter, CounterKey, UnreadAudit } from './ports.ts';

/** A counter that is not what its messages say. */
export interface Drift extends Counter {
  truth: number;
}

/** Messages that one statement counts: 10 to 40 ms of Postgres, a second or two when none of them is in memory. */
const MESSAGES_A_COUNT = 20_000;
const RANGES_A_COUNT = 200;
/** Reads of a counter that changes while it is healed; each takes milliseconds. */
const HEAL_TRIES = 10;

/**
 * The counters that drifted. Each was read in one moment, which the store keeps consistent, so a difference is real
 * whatever happens meanwhile. Unread messages are counted in pieces: a mailbox of millions is many short statements.
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
    if (size + messages > MESSAGES_A_COUNT || open.length === RANGES_A_COUNT) await count();
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
  for (let fromSeq = lastReadSeq; fromSeq < lastSeq; fromSeq += MESSAGES_A_COUNT) {
    pieces.push({ conversationId, userId, fromSeq, toSeq: Math.min(lastSeq, fromSeq + MESSAGES_A_COUNT), index });
  }
  return pieces;
}

/**
 * Heals drifted counters; one that changed meanwhile is read, counted and tried again. Returns those that it set right
 * and those that kept changing; one that a read mark set right before us is in neither.
 */
export async function healDrift(
  audit: UnreadAudit,
  drifts: readonly Drift[],
): Promise<{ healed: Drift[]; left: Drift[] }> {
  const healed: Drift[] = [];
  let left = drifts;
  for (let tries = 0; left.length > 0 && tries < HEAL_TRIES; tries++) {
    const done = new Set((await audit.heal(left)).map(nameOf));
    healed.push(...left.filter((drift) => done.has(nameOf(drift))));
    const others = left.filter((drift) => !done.has(nameOf(drift)));
    left = others.length > 0 ? await findDrift(audit, await audit.of(others)) : [];
  }
  return { healed, left: [...left] };
}

function nameOf({ conversationId, userId }: CounterKey): string {
  return conversationId + userId;
}

/** Messages that a slice counts at most, unless its first counter alone has more. */
const MESSAGES_A_SLICE = 200_000;

/** As many of the counters, from the first on, as make a slice of bounded work; at least one. */
export function boundedSlice(counters: readonly Counter[]): Counter[] {
  let messages = 0;
  const end = counters.findIndex((counter, i) => {
    messages += unreadSpan(counter);
    return i > 0 && messages > MESSAGES_A_SLICE;
  });
  return counters.slice(0, end === -1 ? counters.length : end);
}

/** Messages behind the read mark, own ones with them: what counting the unread ones costs. */
export function unreadSpan({ lastSeq, lastReadSeq }: Counter): number {
  return Math.max(0, lastSeq - lastReadSeq);
}
