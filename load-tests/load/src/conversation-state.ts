import { EventOrder } from '@chat-cluster/testkit/lean-client';
import { DeliveredMarkCheck } from './delivered-mark-check.ts';

/** Index of one of the participants of a conversation. */
export type Side = number;

/** The fields of a stored message that are checked. */
export interface ReceivedMessage {
  seq: number;
  senderId: string;
  clientMessageId: string;
  /** An entry about a group, which is never unread. */
  system?: object | undefined;
  /** It was deleted, and is not unread. */
  deletedAt?: string | undefined;
}

/** The state of one participant of a conversation, as its device and its acks show it. */
export type Participant = ReturnType<typeof newParticipant>;

export function newParticipant(userId: string) {
  return {
    userId,
    /** The device has received all messages from `base` to this seq. */
    upTo: 0,
    /** Events of the current connection. */
    events: new EventOrder(),
    /** Seqs of held messages of others above the read mark, except deleted ones. */
    unread: [] as number[],
    readMark: 0,
    deliveredMark: new DeliveredMarkCheck(),
    /** Highest seq in an ack to this participant. */
    acked: 0,
    /** The last sent of its acknowledged messages with one attempt. */
    newest: { connection: 0, number: 0, seq: 0 },
    /** `lastSeq` before this run: older messages are not checked. undefined until the first sync. */
    base: undefined as number | undefined,
    /** `lastSeq` of the last answer to sync. */
    lastSeq: 0,
    /** The device has all changes up to `rev`, and those of `laterRevs`. */
    rev: 0,
    laterRevs: [] as number[],
  };
}

/** A message that is not yet both acknowledged and held by all devices. */
export type TrackedMessage = ReturnType<typeof newMessage>;

/** `dueAt`: when the message is due by the schedule, on the clock of performance.now(). */
export function newMessage(number: number, sender: Side, dueAt: number) {
  return {
    number,
    sender,
    dueAt,
    attempts: 0,
    /** Connection of the first attempt, and the highest seq that the sender had an ack of at that time. */
    connection: 0,
    ackedBefore: 0,
    /** 0 until an ack or a device names it. */
    seq: 0,
    acked: false,
    ackedAt: 0,
    /** The sender will not resend it. It may be stored or not. */
    givenUp: false,
    /** The sides whose device holds it. */
    heldBy: new Set<Side>(),
    /** Called with its seq after the first ack. */
    onAcked: undefined as ((seq: number) => void) | undefined,
  };
}
