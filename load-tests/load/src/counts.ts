import { sumsOf } from '@chat-cluster/testkit/lean-client';

/** The failures that a run can find, with their meaning. Each of them makes the exit code 1. */
export const FAILURES = {
  lost: 'an acknowledged message, change or delivered mark that is missing after the final sync',
  duplicated: 'a message that is stored twice',
  outOfOrder:
    "a sender's messages stored in another order than sent, or events of a connection not in the order of seq",
  gaps: 'a conversation whose seq is not 1, 2, 3 …',
  unexpected: 'a message that is stored although it was finally refused',
  wrongBadges: 'a user at rest whose last unread_count is not the number of unread messages',
  unchecked: 'a user that could not be checked: not connected again, or no answer',
} as const;

export type Failure = keyof typeof FAILURES;

/**
 * Exact counts of a generator process. `acked`: each message once. `delivered`: each message once for each device of
 * others. `groupAcked`, `groupDelivered`: those of groups. `changes`: acknowledged edits, deletions and reactions;
 * `changesDelivered`: each once for each device. `deliveredMarks`: acknowledged requests `mark_delivered`, of one or more
 * conversations; `marksReceived`: events of the marks that they moved. `bySync`: deliveries by an answer to `sync`, also
 * of changes. `stale`: deliveries by the final sync, which the device had missed without noticing. `repeated`: events that
 * came again on the same connection, which is allowed after a fault (clients drop a seq that they hold). `foreign`:
 * messages that are not from this run. `skipped`: messages that were not sent because too many were under way. `givenUp`:
 * refused messages with --no-resend. `unanswered`: messages without an ack at the end. `refused`: by code, every attempt.
 */
export type Counts = Record<Failure | Observed, number> & { refused: Record<string, number> };

const OBSERVED = [
  'sent',
  'acked',
  'delivered',
  'groupAcked',
  'groupDelivered',
  'changes',
  'changesDelivered',
  'reads',
  'deliveredMarks',
  'marksReceived',
  'bySync',
  'stale',
  'repeated',
  'foreign',
  'skipped',
  'givenUp',
  'unanswered',
  'lostConnections',
  'reconnects',
  'syncs',
  'syncRequired',
] as const;
type Observed = (typeof OBSERVED)[number];
const FAILURE_NAMES = Object.keys(FAILURES) as Failure[];
const NAMES = [...OBSERVED, ...FAILURE_NAMES];

export function noCounts(): Counts {
  return { ...(Object.fromEntries(NAMES.map((name) => [name, 0])) as Record<Failure | Observed, number>), refused: {} };
}

/** The sums over several processes. */
export function addUp(all: readonly Counts[]): Counts {
  const sum: Counts = { ...sumsOf(all, NAMES), refused: {} };
  for (const [code, count] of all.flatMap(({ refused }) => Object.entries(refused))) countRefusal(sum, code, count);
  return sum;
}

export function countRefusal(counts: Counts, code: string, count = 1): void {
  counts.refused[code] = (counts.refused[code] ?? 0) + count;
}

/** Number of failures of all kinds. */
export function failures(counts: Counts): number {
  return FAILURE_NAMES.reduce((sum, name) => sum + counts[name], 0);
}
