import { createHash } from 'node:crypto';

/**
 * Actions and observations of the clients of a run, and the contents of the database at its end. Plain JSON, so that it
 * can be saved and checked again. Times are milliseconds since the start of the run, on one clock; contents are
 * fingerprints.
 */
export interface History {
  sends: SendAttempt[];
  reads: ReadAttempt[];
  devices: DeviceHistory[];
  database: DatabaseState;
  exits: ProcessExit[];
  /** What was still in progress at the deadline, one sentence each. */
  unsettled: string[];
}

/** One call of `send_message`. All attempts of a message share conversation, sender and client message id. */
export interface SendAttempt {
  at: number;
  device: string;
  /** The connection that carried it. One connection sends in order. */
  connection: string;
  sender: string;
  conversationId: string;
  clientMessageId: string;
  content: string;
  outcome: Outcome<{ id: string; seq: number; duplicate: boolean }>;
}

/** One call of `read_messages`. `upToSeq` is the one in the ack. */
export interface ReadAttempt {
  at: number;
  userId: string;
  conversationId: string;
  outcome: Outcome<{ upToSeq: number }>;
}

/** `unknown`: there was no ack, so the operation may have happened, may not have happened, or may still happen. */
export type Outcome<Ack> =
  | ({ kind: 'acked'; at: number } & Ack)
  | { kind: 'refused'; at: number; code: string; retryable: boolean }
  | { kind: 'unknown'; at: number };

/** One client of a user, over all its connections. */
export interface DeviceHistory {
  id: string;
  userId: string;
  /** It uses the client library, which promises more than a stock client: see history-library-checks.ts. */
  client?: 'library';
  /** All conversations of the user. */
  conversations: string[];
  /** In order of arrival. */
  events: DeviceEvent[];
}

export type DeviceEvent =
  | { kind: 'connected'; at: number; connection: string; gateway: string }
  | { kind: 'disconnected'; at: number; reason: string }
  /** The store has another epoch: the device discards what it holds and begins a new history. */
  | { kind: 'restarted'; at: number; epoch: string }
  | ({ kind: 'message'; at: number } & SeenMessage)
  | { kind: 'badge'; at: number; count: number }
  | { kind: 'syncRequired'; at: number }
  /** The client library reports another status of a message of its outbox. `seq`: that of a stored one. */
  | { kind: 'outbox'; at: number; conversationId: string; clientMessageId: string; status: OutboxStatus; seq?: number }
  /**
   * An ack of `sync`; of the client library: all messages that it shows. `final`: after nothing was in progress any
   * more.
   */
  | { kind: 'synced'; at: number; messages: SeenMessage[]; unread: number; final: boolean };

export type OutboxStatus = 'queued' | 'sending' | 'stored' | 'read' | 'failed' | 'discarded';

export interface SeenMessage {
  conversationId: string;
  seq: number;
  id: string;
  content: string;
}

/** The conversations of the run as SQL returned them at the end. */
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

/** `ordered`: a fault of the run caused it. */
export interface ProcessExit {
  at: number;
  process: string;
  how: string;
  ordered: boolean;
}

/** The form of a content in histories: the content itself when it is short, else its length and hash. */
export function fingerprint(content: string | null): string {
  if (content === null) return '';
  if (content.length <= 64) return content;
  return `${content.length}:${createHash('sha256').update(content).digest('base64url').slice(0, 16)}`;
}
