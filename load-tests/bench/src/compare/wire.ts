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
  /** Closed loop: messages under way at any time, over all pairs. */
  inFlight: number;
  warmUpSeconds: number;
  /** Measured. */
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
  /** Deliveries that came twice; that came before an earlier one of the same sender. */
  duplicated: number;
  reordered: number;
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
  /** `onAck` hears whether the server took the message, if it tells that. */
  send(
    message: { conversationId: string; to: string; id: string; content: string },
    onAck: (ok: boolean) => void,
  ): void;
  close(): void;
}
