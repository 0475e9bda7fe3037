import { createHash } from 'node:crypto';
import type { Message, Role } from '@chat-cluster/contracts';

/**
 * Actions and observations of the clients of a run, and the contents of the database at its end. Plain JSON, so that it
 * can be saved and checked again. Times are milliseconds since the start of the run, on one clock; contents are
 * fingerprints.
 */
export interface History {
  sends: SendAttempt[];
  reads: ReadAttempt[];
  groupChanges?: GroupChangeAttempt[];
  messageChanges?: MessageChangeAttempt[];
  /** Caps of groups in the settings of the cluster. */
  caps?: GroupCaps;
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

/**
 * One call that changes a group. The changes of a group are made one after the other, and each of them has an effect.
 * All attempts of a change share its id.
 */
export interface GroupChangeAttempt {
  at: number;
  by: string;
  conversationId: string;
  changeId: string;
  change: GroupChangeMade;
  outcome: Outcome<object>;
}

export type GroupChangeMade =
  | { type: 'create'; title: string; userIds: readonly string[] }
  | { type: 'add'; userIds: readonly string[]; history?: 'all' | 'none' }
  | { type: 'remove'; userId: string }
  | { type: 'leave' }
  | { type: 'rename'; title: string }
  | { type: 'role'; userId: string; role: Role };

/** One call that changes a stored message. `rev`: that of the message in the ack. */
export interface MessageChangeAttempt {
  at: number;
  by: string;
  conversationId: string;
  seq: number;
  change:
    | { type: 'edit'; changeId: string; content: string }
    | { type: 'delete' }
    | { type: 'react'; emoji: string; on: boolean };
  outcome: Outcome<{ rev: number }>;
}

export interface GroupCaps {
  members: number;
  groupsPerUser: number;
  usersPerAdd: number;
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
  /** All conversations that it shows; also groups that the user is a member of for a part of the time. */
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
  /** The device shows a changed message. */
  | ({ kind: 'changed'; at: number } & SeenMessage)
  | ({ kind: 'badge'; at: number } & Badge)
  /** The device shows another mark of a user. */
  | { kind: 'receipt'; at: number; of: 'read' | 'delivered'; conversationId: string; userId: string; upToSeq: number }
  | { kind: 'syncRequired'; at: number }
  /** The client library reports another status of a message of its outbox. `seq`: that of a stored one. */
  | { kind: 'outbox'; at: number; conversationId: string; clientMessageId: string; status: OutboxStatus; seq?: number }
  /**
   * An ack of `sync`; of the client library: all messages that it shows. `final`: after nothing was in progress any
   * more. `requestedAt`: when the device sent `sync`.
   */
  | {
      kind: 'synced';
      at: number;
      requestedAt?: number;
      messages: SeenMessage[];
      unread: number;
      final: boolean;
    };

export interface Badge {
  count: number;
  mutedCount?: number | undefined;
  mentionCount?: number | undefined;
}

export type OutboxStatus = 'queued' | 'sending' | 'stored' | 'read' | 'failed' | 'discarded';

export interface SeenMessage {
  conversationId: string;
  seq: number;
  id: string;
  content: string;
  /** Only of an entry about the group itself: a what it reports, as JSON with sorted keys. */
  system?: string;
  /** Number of its last change; absent without changes. */
  rev?: number;
  deleted?: true;
  /** `👍 2, 🎉 1` in the order of emojis; absent without reactions. */
  reactions?: string;
}

/** The conversations of the run as SQL returned them at the end. */
export interface DatabaseState {
  /** `title`: only of a group. */
  conversations: { id: string; lastSeq: number; lastRev?: number; title?: string }[];
  messages: (SeenMessage & { senderId: string; clientMessageId: string })[];
  participants: ParticipantState[];
  /** What each user may see of each group. */
  windows?: StoredWindow[];
  /** Contents that edits have replaced, oldest first. `changeId`: that of the edit. */
  versions?: { conversationId: string; seq: number; changeId: string }[];
  reactions?: { conversationId: string; seq: number; userId: string; emoji: string }[];
}

export interface ParticipantState {
  conversationId: string;
  userId: string;
  lastReadSeq: number;
  /** Unread messages by the stored counters. */
  unreadCount: number;
  /** Unread messages, counted from the messages. */
  recount: number;
  /** As the two above, for unread messages that mention the user. Absent in a direct conversation. */
  mentionCount?: number;
  mentionRecount?: number;
  muted?: true;
  /** Only in a group; null: a former member. */
  role?: Role | null;
}

/** `toSeq` null: also all later entries. */
export interface StoredWindow {
  conversationId: string;
  userId: string;
  fromSeq: number;
  toSeq: number | null;
}

/** `ordered`: a fault of the run caused it. */
export interface ProcessExit {
  at: number;
  process: string;
  how: string;
  ordered: boolean;
}

/** A message as a device received or shows it. */
export function seen(message: Message): SeenMessage {
  const { conversationId, seq, id, content, system, rev, deletedAt, reactions = [] } = message;
  return {
    conversationId,
    seq,
    id,
    content: fingerprint(content),
    ...(system && { system: systemText(system) }),
    ...(rev && { rev }),
    ...(deletedAt && { deleted: true }),
    ...(reactions.length > 0 && { reactions: reactionsText(reactions) }),
  };
}

export function systemText(system: { type: string }): string {
  return JSON.stringify(Object.fromEntries(Object.entries(system).sort(([a], [b]) => (a < b ? -1 : 1))));
}

export function reactionsText(reactions: readonly { emoji: string; count: number }[]): string {
  return reactions
    .map(({ emoji, count }) => `${emoji} ${count}`)
    .sort()
    .join(', ');
}

/** The form of a content in histories: the content itself when it is short, else its length and hash. */
export function fingerprint(content: string | null): string {
  if (content === null) return '';
  if (content.length <= 64) return content;
  return `${content.length}:${createHash('sha256').update(content).digest('base64url').slice(0, 16)}`;
}
