/* The data that the coordinator and its generator processes exchange. */
import type { LeanTls } from '@chat-cluster/testkit/lean-client';
import type { Counts } from './counts.ts';
import type { Latencies } from './meter.ts';
import type { Profile } from './profiles.ts';

/** The share of one generator process in a run. Times are in seconds, rates per second and for this process. */
export interface Plan {
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
  profile: Profile;
  rate: number;
  spike: number;
  /** Share of connections that a reconnect storm resets. */
  drop: number;
  even: boolean;
  warmUp: number;
  duration: number;
  /** Longest wait after the last message for acks and deliveries. */
  settle: number;
  size: number;
  /** Share of messages after which the receiver sends read_messages. */
  reads: number;
  resend: boolean;
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

/** The result of a generator process, after its final check. */
export interface Done {
  counts: Counts;
  latencies: Latencies;
  /** Sentences about the first failures. */
  details: string[];
  /** CPU time while messages were sent, in microseconds, and resident memory at the end of it, in bytes. */
  cpuMicroseconds: number;
  rss: number;
}
