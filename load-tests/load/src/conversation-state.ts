import { EventOrder } from '@chat-cluster/testkit/lean-client';

/** Index of one of the two participants of a conversation. */
export type Side = 0 | 1;

/** A message that is not yet both acknowledged and held by both devices. */
export interface TrackedMessage {
  readonly number: number;
  readonly sender: Side;
  /** When the message is due by the schedule, on the clock of performance.now(). */
  readonly dueAt: number;
  attempts: number;
  /** Connection of the first attempt, and the highest seq that the sender had an ack of at that time. */
  connection: number;
  ackedBefore: number;
  /** 0 until an ack or a device names it. */
  seq: number;
  acked: boolean;
  ackedAt: number;
  /** The sender will not resend it. It may be stored or not. */
  givenUp: boolean;
  /** Bit mask of the sides whose device holds it. */
  heldBy: number;
}

/** The fields of a stored message that are checked. */
export interface ReceivedMessage {
  seq: number;
  senderId: string;
  clientMessageId: string;
}

/** The state of one participant of a conversation, as its device and its acks show it. */
export interface Participant {
  readonly userId: string;
  /** The device has received all messages from `base` to this seq. */
  upTo: number;
  /** Events of the current connection. */
  events: EventOrder;
  /** Seqs of held messages of the other participant above the read mark. */
  unread: number[];
  readMark: number;
  /** Highest seq in an ack to this participant. */
  acked: number;
  /** The last sent of its acknowledged messages with one attempt. */
  newest: { connection: number; number: number; seq: number };
  /** `lastSeq` before this run: older messages are not checked. undefined until the first sync. */
  base: number | undefined;
  /** `lastSeq` of the last answer to sync. */
  lastSeq: number;
}

export function newParticipant(userId: string): Participant {
  return {
    userId,
    upTo: 0,
    events: new EventOrder(),
    unread: [],
    readMark: 0,
    acked: 0,
    newest: { connection: 0, number: 0, seq: 0 },
    base: undefined,
    lastSeq: 0,
  };
}

export function newMessage(number: number, sender: Side, dueAt: number): TrackedMessage {
  return {
    number,
    sender,
    dueAt,
    attempts: 0,
    connection: 0,
    ackedBefore: 0,
    seq: 0,
    acked: false,
    ackedAt: 0,
    givenUp: false,
    heldBy: 0,
  };
}
