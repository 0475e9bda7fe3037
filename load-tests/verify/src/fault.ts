import type { FaultCluster, FaultClusterOptions, History, Random } from '@chat-cluster/testkit';
import type { Population } from './population.ts';
import type { Traffic, TrafficOptions } from './traffic.ts';

/** What a fault gets its hands on. */
export interface World {
  cluster: FaultCluster;
  population: Population;
  traffic: Traffic;
  random: Random;
  /** Of this round: for what must not depend on how often others have asked `random`. */
  seed: string;
  /** From 1. */
  round: number;
  /** Milliseconds from the start of the round: the clock of the history. */
  now(): number;
}

/** One kind of trouble. */
export interface Fault {
  id: string;
  /** What happens, in a few words. */
  title: string;
  /** What its cluster is like; a function, for a `fresh` fault: what it is like in this round. */
  cluster?: FaultClusterOptions | ((random: Random) => FaultClusterOptions | Promise<FaultClusterOptions>);
  traffic?: Partial<TrafficOptions>;
  /** Pairs of users, unless the command line says; default 20. */
  pairs?: number;
  /** Every so many users have a second device, on another gateway; default 6. */
  secondDeviceEvery?: number;
  /** Every so many users poll; needs a balancer. Default: none. */
  pollingEvery?: number;
  /** True: each round has a cluster of its own, because the fault leaves marks. */
  fresh?: boolean;
  /** Makes trouble, at a moment it does not choose; resolves when it is under way. */
  inject(world: World): Promise<Healing | undefined>;
  /** What the product owes under this fault beyond the promises that always hold: a sentence for each breach. */
  expect?(outcome: RoundOutcome, world: World): string[];
}

export interface Healing {
  /** How long the trouble lasts, in milliseconds. */
  lastsMs: number;
  heal(): Promise<void>;
  /** As that of the fault, for what only this round knows. */
  expect?(outcome: RoundOutcome): string[];
  /** What was measured, for the line of the round; asked after `heal`. */
  figures?(): string;
  /** The same as a row of a table, one row a round. */
  row?(outcome: RoundOutcome): Record<string, string | number>;
}

/** What a fault's own expectations look at. */
export interface RoundOutcome {
  history: History;
  /** The trouble began and ended, on the clock of the history. */
  from: number;
  to: number;
  /** What deadlines of expectations are multiplied by: 1, or more where the machine is busy with other things too. */
  patience: number;
  /** Pids of the gateways before the trouble and at the end of the round. */
  gatewayPids: { before: number[]; after: number[] };
}
