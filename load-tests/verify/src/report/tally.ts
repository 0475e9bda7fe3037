import { VIOLATIONS, type ViolationKind } from '@chat-cluster/testkit';
import type { RoundReport } from '../round.ts';

/** The sums of all rounds of one fault. */
export interface Tally {
  fault: string;
  title: string;
  rounds: number;
  sent: number;
  acked: number;
  violations: Record<ViolationKind, number>;
  /** Breaches of the fault's own expectations. */
  breaches: number;
  staleDevices: number;
  healMs: number[];
  /** Rounds after which some lane never worked again. */
  neverHealed: number;
  /** Rounds that could not be carried out. */
  failed: number;
  /** Measured values of each round, for a fault that reports them as a table. */
  rows: Record<string, string | number>[];
}

export function newTally(fault: { id: string; title: string }): Tally {
  return {
    fault: fault.id,
    title: fault.title,
    rounds: 0,
    sent: 0,
    acked: 0,
    violations: Object.fromEntries(Object.keys(VIOLATIONS).map((kind) => [kind, 0])) as Record<ViolationKind, number>,
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
  for (const { kind } of verdict.violations) tally.violations[kind]++;
  if (row) tally.rows.push(row);
  if (healMs === undefined) tally.neverHealed++;
  else tally.healMs.push(healMs);
}

/** Number of findings. A fault passes with 0. */
export function countFindings(tally: Tally): number {
  const violations = Object.values(tally.violations).reduce((sum, count) => sum + count, 0);
  return violations + tally.breaches + tally.neverHealed + tally.failed;
}
