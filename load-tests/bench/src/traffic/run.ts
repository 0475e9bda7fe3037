import type { NamedProcess } from '@chat-cluster/testkit/processes';

/** The load of one run: an open loop if it has a rate, otherwise a closed one. */
export interface Load {
  /** Open loop: messages per second by the clock, whatever comes back. */
  rate?: number;
  /** Open loop: further rates, each with its duration. They are measured too. */
  after?: { rate: number; seconds: number }[];
  /** Closed loop: messages in flight at any time, over all pairs. */
  inFlight?: number;
  /** Closed loop: ends once this many messages are sent. */
  messages?: number;
  warmUpSeconds?: number;
  /** Measured time. A closed loop continues until it has measured something. */
  seconds: number;
  /** Characters of a message. */
  size: number;
}

export interface Run extends Load {
  /** Processes whose CPU is read when the measured time begins and when it ends. */
  processes: readonly NamedProcess[];
}

/** Milliseconds. 0 when there is no value. */
export interface Latency {
  p50: number;
  p99: number;
  max: number;
}

/** What one run measured. Latencies are of the messages that were due in the measured time, from their due time. */
export interface Outcome {
  /** Why the run ended early: a connection was closed. */
  died?: string;
  /** Messages per second that reached all their devices in the measured time. */
  deliveredPerSecond: number;
  delivery: Latency;
  /** Absent when the server acknowledges nothing. */
  ack?: Latency;
  /** Microseconds per delivered message, by process; `generator` is this one. */
  cpu: Record<string, number>;
  /** The counts below are of the whole run, warm-up included. */
  sent: number;
  /** Messages that were not at all devices, or not acknowledged, after 10 s. */
  lost: number;
  refused: number;
  /** Refused messages by the code of their ack. */
  refusedBy: Record<string, number>;
  /** Deliveries of a message that the device had already. */
  duplicated: number;
  /** Deliveries after a later message of the same sender, or after a higher seq of the conversation. */
  reordered: number;
  /** One entry for each second of the measured time, by when the messages were due. */
  timeline: Second[];
}

/** The messages that were due in one second. */
export interface Second {
  sent: number;
  acked: number;
  /** Milliseconds; 0 when nothing was acknowledged. */
  ackP99: number;
}
