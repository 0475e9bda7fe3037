import type { ViolationKind } from '@chat-cluster/testkit';
import type { RoundReport } from './round.ts';

/** The rounds of one fault, added up. */
export interface Tally {
  fault: string;
  title: string;
  rounds: number;
  sent: number;
  acked: number;
  found: Record<ViolationKind, number>;
  breaches: number;
  staleDevices: number;
  healMs: number[];
  /** Rounds after which some lane never worked again. */
  neverHealed: number;
  /** Rounds that could not be carried out. */
  failed: number;
  /** What the fault itself measured in each round, if it tells it as a table. */
  rows: Record<string, string | number>[];
}

export function newTally(fault: { id: string; title: string }): Tally {
  return {
    fault: fault.id,
    title: fault.title,
    rounds: 0,
    sent: 0,
    acked: 0,
    found: {
      lost: 0,
      duplicated: 0,
      unexpected: 0,
      outOfOrder: 0,
      gap: 0,
      wrongAck: 0,
      deviceDiffers: 0,
      wrongBadge: 0,
      wrongCounter: 0,
      unexpectedExit: 0,
      unsettled: 0,
    },
    breaches: 0,
    staleDevices: 0,
    healMs: [],
    neverHealed: 0,
    failed: 0,
    rows: [],
  };
}

export function addRound(tally: Tally, { verdict, breaches, healMs, row }: RoundReport): void {
  tally.rounds++;
  tally.sent += verdict.seen.messages;
  tally.acked += verdict.seen.acked;
  tally.staleDevices += verdict.seen.staleDevices;
  tally.breaches += breaches.length;
  for (const { kind } of verdict.violations) tally.found[kind]++;
  if (row) tally.rows.push(row);
  if (healMs === undefined) tally.neverHealed++;
  else tally.healMs.push(healMs);
}

/** Everything that makes a fault fail, in one number. */
export function wrongs(tally: Tally): number {
  const found = Object.values(tally.found).reduce((sum, count) => sum + count, 0);
  return found + tally.breaches + tally.neverHealed + tally.failed;
}
