import type { FaultCluster, FaultClusterOptions, History, Random } from '@chat-cluster/testkit';
import type { Clients, Population } from './clients/population.ts';
import type { Traffic, TrafficOptions } from './clients/traffic.ts';

/** One kind of fault: how it is injected, and what the product must do under it. */
export interface Fault {
  id: string;
  /** What happens, in a few words. */
  title: string;
  /** Options of its cluster. A fault with `freshCluster` may compute them for each round. */
  cluster?: FaultClusterOptions | ((random: Random) => FaultClusterOptions | Promise<FaultClusterOptions>);
  traffic?: Partial<TrafficOptions>;
  /** Pairs of users, unless the command line sets the number of users. Default: 20. */
  pairs?: number;
  /** Every n-th user has a second device, on another gateway. Default: 6. */
  secondDeviceEvery?: number;
  /** Every n-th user uses long-polling; needs a load balancer. Default: none. */
  pollingEvery?: number;
  /** Shortest and longest life of tokens, in s. Default: a day. */
  tokenLife?: readonly [number, number];
  /** Kinds of devices, unless the command line sets them. Default: library. `mixed` for faults that clients notice. */
  clients?: Clients;
  /** True: each round gets a new cluster, because the fault leaves traces. */
  freshCluster?: boolean;
  /**
   * Starts the fault. Called at a random moment; resolves when the fault is active. Undefined: the fault is over at
   * once, for example a kill.
   */
  inject(context: FaultContext): Promise<ActiveFault | undefined>;
  /** Checks what the product must do under this fault, beyond the guarantees. Returns one sentence per breach. */
  expect?(outcome: RoundOutcome, context: FaultContext): string[];
}

/** What `inject` can act on. */
export interface FaultContext {
  cluster: FaultCluster;
  population: Population;
  traffic: Traffic;
  random: Random;
  /** Seed of this round, for choices that must not depend on the number of earlier calls of `random`. */
  seed: string;
  /** Number of the round, from 1. */
  round: number;
  /** The clock of the history, in ms. */
  now(): number;
}

/** A fault that was injected and is still active. */
export interface ActiveFault {
  /** Time from the injection to the call of `heal`, in ms. */
  lastsMs: number;
  /** Ends the fault. */
  heal(): Promise<void>;
  /** As `expect` of the fault, for facts of this round. */
  expect?(outcome: RoundOutcome): string[];
  /** Measured values, for the line of the round. Called after `heal`. */
  figures?(): string;
  /** Measured values as one row of a table that has a row for each round. */
  row?(outcome: RoundOutcome): Record<string, string | number>;
}

/** What the expectations of a fault examine. */
export interface RoundOutcome {
  history: History;
  /** Start and end of the fault, on the clock of the history. */
  from: number;
  to: number;
  /** Factor for the deadlines of expectations: 1, or more on a machine that is busy with other work. */
  deadlineFactor: number;
  /** Process ids of the gateways before the fault and at the end of the round. */
  gatewayPids: { before: number[]; after: number[] };
}
