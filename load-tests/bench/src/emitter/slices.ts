import type { UserId } from '@chat-cluster/contracts';

export type Arm = (typeof ARMS)[number];
export const ARMS = ['emitter', 'server', 'loop alone'] as const;

/** So many batches of so many messages, one every `everyMs`, between `users`. */
export interface Slice {
  batches: number;
  entries: number;
  everyMs: number;
  users: readonly UserId[];
}

export interface SliceCost {
  cpuMicroseconds: number;
}

/** Batches as they are when the cluster is idle, busy and saturated, at a rate that leaves the machine idle time. */
export const LOADS = [
  { entries: 1, everyMs: 2 },
  { entries: 20, everyMs: 10 },
  { entries: 100, everyMs: 25 },
];

/** What one arm cost in one slice. */
export interface Figure {
  arm: Arm;
  entries: number;
  round: number;
  /** Microseconds a message. */
  publisherCpu: number;
  redisCpu: number;
  /** Messages of the adapter that subscribers heard, per message: two, one for each user. */
  heard: number;
}

export interface EmitterOptions {
  /** Subscribers. */
  gateways: number;
  users: number;
  rounds: number;
  seconds: number;
}
