/*
 * What bench and generator say to each other over IPC, and what a connection of the generator is. The bench forks one
 * generator for each arm it starts (generator.ts):
 *
 *   ◀ connect {protocol, devicesPerMessage, pairs}   ▶ connected
 *   ◀ run {…}                                        ▶ outcome {…}       as often as wanted
 *   ◀ hold {devices}                                 ▶ connected         idle connections beside those
 *   (the channel closes: it ends)
 */
import type { ProcessKind } from './arms.ts';

export interface Device {
  /** Of a gateway: `http://…`. Of ejabberd: `ws://…`. */
  url: string;
  user: string;
  /** A JWT; of ejabberd a password. */
  token: string;
}

export interface PlannedPair {
  conversationId: string;
  devices: [Device, Device];
}

export type Protocol = 'socket.io' | 'xmpp';

export interface Run {
  /** Messages a second by the clock, whatever comes back; 0: closed loop. */
  rate: number;
  /** Open loop: the rates after that one, each for so many seconds; measured too. */
  after?: { rate: number; seconds: number }[];
  /** Closed loop: messages under way at any time, over all pairs. */
  inFlight: number;
  warmUpSeconds: number;
  /** Measured; a closed loop goes on until it has measured something. */
  seconds: number;
  /** Characters of a message. */
  size: number;
  /** Whose CPU is read when the measured time begins and when it ends. */
  processes: { name: ProcessKind; pid: number }[];
}

export interface Latency {
  p50: number;
  p99: number;
}

/** What one run saw. Latencies in milliseconds, of the messages that were to be sent in the measured time. */
export interface Outcome {
  /** Why the run ended early: an ended connection. */
  died?: string;
  /** Messages that reached all devices in the measured time, a second. */
  deliveredPerSecond: number;
  delivery: Latency;
  /** Absent when the arm acknowledges nothing. */
  ack?: Latency;
  /** Microseconds a delivered message. */
  cpu: Partial<Record<ProcessKind, number>>;
  sent: number;
  /** Of the whole run: not at all devices (or not acknowledged) after 10 s; refused by an ack. */
  lost: number;
  refused: number;
  /** Those refused by their code. */
  refusedBy: Record<string, number>;
  /** Of each second from the beginning of the measured time, by when the messages were to be sent. */
  timeline: Second[];
  /** Deliveries that came twice; that came before an earlier one of the same sender. */
  duplicated: number;
  reordered: number;
}

/** Of the messages of one second: milliseconds until the ack of those that were acknowledged. */
export interface Second {
  sent: number;
  acked: number;
  ackP99: number;
}

export type ToGenerator =
  | { type: 'connect'; protocol: Protocol; devicesPerMessage: number; acks: boolean; pairs: PlannedPair[] }
  | { type: 'run'; run: Run }
  | { type: 'hold'; protocol: Protocol; devices: Device[] };

export type FromGenerator =
  | { type: 'connected' }
  | { type: 'outcome'; outcome: Outcome }
  | { type: 'failed'; reason: string };

/** What a connection of the generator tells. */
export interface Hearing {
  /** A message with this id came. */
  message(id: string): void;
  closed(why: string): void;
}

/** A connected device. */
export interface Connection {
  /** `onAck` hears the code of a refusal, or none when the server took the message; if it tells that. */
  send(
    message: { conversationId: string; to: string; id: string; content: string },
    onAck: (refusal: string | undefined) => void,
  ): void;
  close(): void;
}
