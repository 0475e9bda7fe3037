/*
 * Between the coordinator and its generator processes, over IPC:
 *
 *   ◀ begin {plan}                                ▶ progress {…} until ▶ ready
 *   ◀ start                                       ▶ sample {…} every second
 *   ◀ stop (nothing more is sent)                 ▶ resting ▶ done {…}, or ▶ failed {message} at any time
 */
import type { LeanTls } from '@chat-cluster/testkit/lean-client';
import type { Counts } from './counts.ts';
import type { Latencies } from './meter.ts';
import type { Profile } from './profiles.ts';

/** What one generator process is to do: its share of everything. */
export interface Plan {
  url: string;
  tls: LeanTls | undefined;
  /** Which of how many processes it is. */
  index: number;
  processes: number;
  users: User[];
  /** Users that are only connected. */
  idle: User[];
  /** True: everybody writes to the first user. Else users 0 and 1, 2 and 3 … write to each other. */
  fanIn: boolean;
  /** Makes its client message ids its own. */
  run: string;
  /** A second, of this process. */
  connectRate: number;
  /** Of all connections of the run, where those of this process begin. */
  firstConnection: number;
  connections: number;
  profile: Profile;
  /** Messages a second, of this process. */
  rate: number;
  spike: number;
  /** Share of connections that a reconnect storm drops. */
  drop: number;
  even: boolean;
  /** Seconds. */
  warmUp: number;
  duration: number;
  /** How long it waits, once nothing more is sent, until everything is answered. */
  settle: number;
  size: number;
  /** Share of messages after which the receiver reads. */
  reads: number;
  resend: boolean;
}

export interface User {
  userId: string;
  token: string;
}

export type ToGenerator = { type: 'begin'; plan: Plan } | { type: 'start' } | { type: 'stop' };

export type FromGenerator =
  | { type: 'progress'; opened: number; connected: number }
  | { type: 'ready' }
  | ({ type: 'sample' } & Sample)
  | { type: 'resting' }
  | ({ type: 'done' } & Done)
  | { type: 'failed'; message: string };

/** One look, about a second after the one before. */
export interface Sample {
  /** Seconds since the measured time began; negative while warming up. */
  at: number;
  /** Since the beginning. */
  counts: Counts;
  /** Since the look before. */
  latencies: Latencies;
  inFlight: number;
  connected: number;
  /** Acknowledged 10 s ago and not at both devices yet; users at rest whose badge is wrong. Both may still come right. */
  missing: number;
  badgesOff: number;
  /** Of one core, 0 to 1 and a little. */
  cpu: number;
}

/** After the last check. */
export interface Done {
  counts: Counts;
  latencies: Latencies;
  /** What was wrong, at most some dozens of sentences. */
  details: string[];
  /** While messages were sent: CPU in microseconds, and resident memory at its end in bytes. */
  cpuMicroseconds: number;
  rss: number;
}
