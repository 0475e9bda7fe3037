/** What can be wrong, each with what it means. Every one of them makes a run fail. */
export const WRONGS = {
  lost: 'an acknowledged message that a device does not hold, after its last sync',
  duplicated: 'a message that is stored twice',
  outOfOrder:
    'messages of one sender, or on one connection, that came in another order than they were sent or numbered',
  gaps: 'a conversation whose seq is not 1, 2, 3 …',
  unexpected: 'a message that is stored although it was refused for good',
  wrongBadges: 'a user whose last unread_count is not the number of unread messages, at rest',
  unchecked: 'a user who could not be checked: never back, or no answer',
} as const;

export type Wrong = keyof typeof WRONGS;

/**
 * Everything a generator process counts, exactly. `acked`, `delivered`: messages, once each. `bySync`: deliveries that
 * came with an answer to `sync`. `stale`: those of the last sync of all, of which the device could not know. `repeated`:
 * came again on the same connection, which is allowed after a fault (a client drops a seq it holds). `foreign`: messages
 * of others. `skipped`: arrivals given up because too much was under way already. `givenUp`: refused, with --no-resend.
 * `unanswered`: without an ack to the end. `refused`: by code, every attempt.
 */
export type Counts = Record<Wrong | Seen, number> & { refused: Record<string, number> };

const SEEN = [
  'sent',
  'acked',
  'delivered',
  'reads',
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
type Seen = (typeof SEEN)[number];
const NAMES = [...SEEN, ...(Object.keys(WRONGS) as Wrong[])];

export function noCounts(): Counts {
  return { ...(Object.fromEntries(NAMES.map((name) => [name, 0])) as Record<Wrong | Seen, number>), refused: {} };
}

/** The sums of several processes. */
export function addUp(all: readonly Counts[]): Counts {
  const sum = noCounts();
  for (const counts of all) {
    for (const name of NAMES) sum[name] += counts[name];
    for (const [code, count] of Object.entries(counts.refused)) refuse(sum, code, count);
  }
  return sum;
}

export function refuse(counts: Counts, code: string, count = 1): void {
  counts.refused[code] = (counts.refused[code] ?? 0) + count;
}

/** How many things were wrong. */
export function wrongs(counts: Counts): number {
  return (Object.keys(WRONGS) as Wrong[]).reduce((sum, name) => sum + counts[name], 0);
}
