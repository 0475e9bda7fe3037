import { createHash } from 'node:crypto';

/**
 * What clients did and saw in a run, and what the database held at its end. Plain JSON, so that it can be kept and
 * checked again. Times are milliseconds from the start of the run on one clock; contents are fingerprints.
 */
export interface History {
  sends: SendAttempt[];
  reads: ReadAttempt[];
  devices: DeviceHistory[];
  database: DatabaseState;
  exits: ProcessExit[];
  /** What had not come to rest at the deadline, a sentence each. */
  unsettled: string[];
}

/** One call of `send_message`. A message is known by conversation, sender and client message id, however often tried. */
export interface SendAttempt {
  at: number;
  device: string;
  /** The socket it went over: what one connection sends, it sends in order. */
  connection: string;
  sender: string;
  conversationId: string;
  clientMessageId: string;
  content: string;
  outcome: Outcome<{ id: string; seq: number; duplicate: boolean }>;
}

/** One call of `read_messages`. `upToSeq`: what the ack named. */
export interface ReadAttempt {
  at: number;
  userId: string;
  conversationId: string;
  outcome: Outcome<{ upToSeq: number }>;
}

/** `unknown`: no answer came, so it may have happened or not, or may yet happen. */
export type Outcome<Ack> =
  | ({ kind: 'acked'; at: number } & Ack)
  | { kind: 'refused'; at: number; code: string; retryable: boolean }
  | { kind: 'unknown'; at: number };

/** One socket client of a user over its whole life, through all its connections. */
export interface DeviceHistory {
  id: string;
  userId: string;
  /** All conversations of its user. */
  conversations: string[];
  /** In order of arrival. */
  events: DeviceEvent[];
}

export type DeviceEvent =
  | { kind: 'connected'; at: number; connection: string; gateway: string }
  | { kind: 'disconnected'; at: number; reason: string }
  | ({ kind: 'message'; at: number } & SeenMessage)
  | { kind: 'badge'; at: number; count: number }
  | { kind: 'syncRequired'; at: number }
  /** An answer to `sync`. `final`: the one after everything had come to rest. */
  | { kind: 'synced'; at: number; messages: SeenMessage[]; unread: number; final: boolean };

export interface SeenMessage {
  conversationId: string;
  seq: number;
  id: string;
  content: string;
}

/** The conversations of the run as SQL found them at the end. */
export interface DatabaseState {
  conversations: { id: string; lastSeq: number }[];
  messages: (SeenMessage & { senderId: string; clientMessageId: string })[];
  /** `recount`: the unread messages of the participant, counted from the messages. */
  participants: {
    conversationId: string;
    userId: string;
    lastReadSeq: number;
    unreadCount: number;
    recount: number;
  }[];
}

/** `ordered`: a fault of the run wanted it. */
export interface ProcessExit {
  at: number;
  process: string;
  how: string;
  ordered: boolean;
}

/** A content as histories keep it: itself when it is short, else its length and hash. */
export function fingerprint(content: string | null): string {
  if (content === null) return '';
  if (content.length <= 64) return content;
  return `${content.length}:${createHash('sha256').update(content).digest('base64url').slice(0, 16)}`;
}
