/* The data that the coordinator and its generator processes exchange. */
import type { LeanTls } from '@chat-cluster/testkit/lean-client';
import type { Counts } from './counts.ts';
import type { Latencies } from './meter.ts';
import type { LoadOptions } from './options.ts';

type Shared =
  | ('profile' | 'spike' | 'drop' | 'even' | 'warmUp' | 'duration' | 'settle')
  | ('size' | 'reads' | 'resend' | 'groups' | 'groupShare' | 'edits' | 'deletes' | 'reactions');

/** The share of one generator process in a run. Times are in seconds, rates per second and for this process. */
export interface Plan extends Pick<LoadOptions, Shared> {
  url: string;
  tls: LeanTls | undefined;
  /** Number of this process, from 0, and of all processes. */
  index: number;
  processes: number;
  users: User[];
  /** Users that only connect. */
  idle: User[];
  /** True: all users write to the first one. False: users 0 and 1, 2 and 3 … write to each other. */
  fanIn: boolean;
  /** Prefix of the client message ids of this run. */
  run: string;
  connectRate: number;
  /** Index of this process's first connection among all `connections` of the run. */
  firstConnection: number;
  connections: number;
  rate: number;
}

export interface User {
  userId: string;
  token: string;
}

/** The state of a generator process while it connects, twice a second. */
export interface Connecting {
  opened: number;
  connected: number;
}

/** The state of a generator process, once a second. */
export interface Sample {
  /** Seconds since the measured time began; negative during the warm-up. */
  at: number;
  /** Since the start. */
  counts: Counts;
  /** Since the previous sample. */
  latencies: Latencies;
  inFlight: number;
  connected: number;
  /** Messages that a device misses 10 s after their ack, and wrong badges at rest. Both may still become right. */
  missing: number;
  badgesOff: number;
  /** CPU use as a share of one core; may exceed 1 slightly. */
  cpu: number;
}
