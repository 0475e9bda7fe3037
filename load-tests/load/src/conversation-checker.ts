/*
 * Longer than 250 lines on purpose: one state machine, in which events, acks and answers to sync meet.
 */
import type { ClientMessageId, ConversationId } from '@chat-cluster/contracts';
import { EventOrder } from '@chat-cluster/testkit/lean-client';
import { ChangeChecker } from './change-checker.ts';
import {
  newMessage,
  newParticipant,
  type Participant,
  type ReceivedMessage,
  type Side,
  type TrackedMessage,
} from './conversation-state.ts';
import type { Counts } from './counts.ts';
import { DeliveredMarkCheck } from './delivered-mark-check.ts';
import type { Meter } from './meter.ts';

/** A conversation, and one of its participants. */
export interface ConversationSide {
  checker: ConversationChecker;
  side: Side;
}

/**
 * Checks one conversation of users whose devices are all in this process. It tracks a message from its due time until it
 * is acknowledged and all devices hold it, so it only keeps messages under way. Violations are counted as soon as they
 * show, the rest by `finish`.
 */
export class ConversationChecker {
  readonly conversationId: ConversationId;
  readonly isGroup: boolean;
  readonly participants: readonly Participant[];
  readonly changes: ChangeChecker;
  readonly #prefix: string;
  readonly #meter: Meter;
  readonly #counts: Counts;
  readonly #messages = new Map<number, TrackedMessage>();
  /** Tracked messages with a known seq. */
  readonly #bySeq = new Map<number, TrackedMessage>();
  /** Numbers of messages that must not be stored. */
  readonly #refused = new Set<number>();
  /** Seqs of deleted messages. */
  readonly #deleted = new Set<number>();
  #next = 0;
  /** Messages before this number come again after a restart, also complete ones. */
  #restartedAt = 0;

  /** `run`, 1 to 40 characters, makes the client message ids unique: to this run, and among the conversations of a user. */
  constructor(conversationId: ConversationId, userIds: readonly string[], run: string, meter: Meter, isGroup = false) {
    this.conversationId = conversationId;
    this.isGroup = isGroup;
    this.participants = userIds.map(newParticipant);
    this.changes = new ChangeChecker(this.participants, meter);
    this.#prefix = `${run}.`;
    this.#meter = meter;
    this.#counts = meter.counts;
  }

  participant(side: Side): Participant {
    const participant = this.participants[side];
    if (!participant) throw new Error(`${this.conversationId} has no side ${side}`);
    return participant;
  }

  /** A new message of `sender`, due at `dueAt` (performance.now()). */
  track(sender: Side, dueAt: number): TrackedMessage {
    const message = newMessage(this.#next++, sender, dueAt);
    this.#messages.set(message.number, message);
    this.#counts.sent++;
    return message;
  }

  clientMessageId({ number }: Pick<TrackedMessage, 'number'>): ClientMessageId {
    return `${this.#prefix}${number}` as ClientMessageId;
  }

  /** The message with this id, while it is not complete. */
  find(clientMessageId: string): TrackedMessage | undefined {
    const number = this.#numberOf(clientMessageId);
    return number === undefined ? undefined : this.#messages.get(number);
  }

  /** The message is sent, for the first time or again, on the sender's connection with this number. */
  attempt(message: TrackedMessage, connection: number): void {
    if (message.attempts++ > 0) return;
    message.connection = connection;
    message.ackedBefore = this.participant(message.sender).acked;
  }

  acknowledge(message: TrackedMessage, seq: number): void {
    const now = performance.now();
    if (message.acked) {
      // The ack of an earlier attempt.
      if (message.seq !== seq) this.#counts.duplicated++;
      return;
    }
    message.acked = true;
    message.ackedAt = now;
    this.#counts.acked++;
    if (this.isGroup) this.#counts.groupAcked++;
    this.#meter.record('acks', message.dueAt, now);
    if (message.seq !== 0 && message.seq !== seq) this.#counts.duplicated++;
    else this.#assignSeq(message, seq);
    this.#checkOrder(message, seq);
    this.#forgetWhenComplete(message);
    message.onAcked?.(seq);
  }

  /** The message is not stored and never will be. */
  refuse(message: TrackedMessage): void {
    this.#messages.delete(message.number);
    this.#refused.add(message.number);
  }

  /** The sender stops resending the message. It may be stored or not. */
  giveUp(message: TrackedMessage): void {
    message.givenUp = true;
    this.#forgetWhenComplete(message);
  }

  /** The device of one side is connected anew. Order is guaranteed for the events of one connection only. */
  newConnection(side: Side): void {
    this.participant(side).events = new EventOrder();
  }

  /** The device of one side receives an event of a stored message. `isHeld`: it had the message already. */
  event(side: Side, { seq, clientMessageId }: ReceivedMessage, isHeld: boolean): void {
    const { events, base, upTo } = this.participant(side);
    // Events of one connection come in the order of seq. After a fault an event may be repeated.
    const order = events.add(seq);
    if (order === 'repeated') this.#counts.repeated++;
    else if (order === 'late' && !isHeld) this.#counts.outOfOrder++;
    if (base === undefined || seq > upTo) return;
    const message = this.find(clientMessageId);
    // The device holds this seq, but as another message: two messages have one seq.
    if (message && !message.heldBy.has(side)) this.#counts.gaps++;
  }

  /** The device of one side has a message that it did not have, by an event or by an answer to sync. */
  receive(side: Side, message: ReceivedMessage, asEvent: boolean): void {
    const { seq, senderId, clientMessageId, system, deletedAt } = message;
    const participant = this.participant(side);
    // The first sync is under way: the message is older than this run.
    if (participant.base === undefined) return;
    if (seq !== participant.upTo + 1) this.#counts.gaps++;
    participant.upTo = seq;
    if (deletedAt !== undefined) this.delete(seq);
    const counts = senderId !== participant.userId && !system && !this.#deleted.has(seq);
    if (counts && seq > participant.readMark) participant.unread.push(seq);
    const number = this.#numberOf(clientMessageId);
    if (number === undefined) {
      this.#counts.foreign++;
      return;
    }
    const tracked = this.#messages.get(number);
    if (tracked) this.#hold(side, tracked, seq, asEvent);
    else if (this.#refused.has(number)) this.#counts.unexpected++;
    // It was complete: all devices hold it under another seq.
    else if (number >= this.#restartedAt) this.#counts.duplicated++;
  }

  /** The first sync of one side: messages up to `lastSeq` are older than this run. */
  startAt(side: Side, lastSeq: number): void {
    const participant = this.participant(side);
    participant.base = lastSeq;
    participant.upTo = lastSeq;
    // A group is created by this run, so there are only entries about the group, which are never unread.
    if (this.isGroup) this.markRead(side, lastSeq);
  }

  /**
   * The store has another epoch: the device of one side discards its messages and loads all of the conversation. Numbers
   * are assigned again, so known ones mean nothing. Acknowledged messages that the store has lost count as lost at the
   * end.
   */
  restart(side: Side): void {
    const participant = this.participant(side);
    this.startAt(side, 0);
    participant.events = new EventOrder();
    participant.unread = [];
    participant.readMark = 0;
    participant.deliveredMark = new DeliveredMarkCheck();
    participant.acked = 0;
    participant.newest = { ...participant.newest, seq: 0 };
    this.#restartedAt = this.#next;
    this.#bySeq.clear();
    this.#deleted.clear();
    this.changes.restart(participant);
    for (const message of this.#messages.values()) {
      message.seq = 0;
      message.ackedBefore = 0;
      message.heldBy.delete(side);
    }
  }

  /** The read mark of one side, from the ack of read_messages or an answer to sync. */
  markRead(side: Side, upToSeq: number): void {
    const participant = this.participant(side);
    participant.readMark = Math.max(participant.readMark, upToSeq);
    participant.unread = participant.unread.filter((seq) => seq > upToSeq);
  }

  /** The message is deleted, so it is not unread. */
  delete(seq: number): void {
    if (this.#deleted.has(seq)) return;
    this.#deleted.add(seq);
    for (const { unread } of this.participants) {
      const at = unread.lastIndexOf(seq);
      if (at >= 0) unread.splice(at, 1);
    }
  }

  /** Unread messages of one side; undefined when messages older than this run may be unread too. */
  unreadOf(side: Side): number | undefined {
    const { base = 0, readMark, unread } = this.participant(side);
    return base > readMark ? undefined : unread.length;
  }

  /** Messages acknowledged more than `olderThanMs` ago that some device does not hold. */
  missing(olderThanMs: number): number {
    const before = performance.now() - olderThanMs;
    let missing = 0;
    for (const { acked, ackedAt } of this.#messages.values()) if (acked && ackedAt < before) missing++;
    return missing;
  }

  /** Every message is acknowledged and held by all devices, and so is every acknowledged change. */
  get isComplete(): boolean {
    return this.#messages.size === 0 && this.changes.isComplete;
  }

  /** Counts the failures that show after the final sync. `synced`: the sides whose final sync was answered. */
  finish(synced: readonly boolean[]): void {
    for (const { acked, givenUp, heldBy } of this.#messages.values()) {
      if (!acked && !givenUp) this.#counts.unanswered++;
      if (!acked) continue;
      this.#counts.lost += synced.filter((isSynced, side) => isSynced && !heldBy.has(side)).length;
    }
    this.participants.forEach((participant, side) => {
      if (!synced[side]) return;
      const { upTo, lastSeq, deliveredMark } = participant;
      // Messages that the device holds and the store has lost, changes, and the delivered mark.
      this.#counts.lost +=
        Math.max(0, upTo - lastSeq) + this.changes.missing(participant) + Number(deliveredMark.isLost);
      if (upTo < lastSeq) this.#counts.gaps++;
    });
  }

  #hold(side: Side, message: TrackedMessage, seq: number, asEvent: boolean): void {
    if (message.seq !== 0 && message.seq !== seq) {
      this.#counts.duplicated++;
      return;
    }
    this.#assignSeq(message, seq);
    message.heldBy.add(side);
    if (side !== message.sender) {
      this.#counts.delivered++;
      if (!asEvent) this.#counts.bySync++;
      this.#meter.record('deliveries', message.dueAt);
      if (this.isGroup) this.#recordGroupDelivery(message);
    }
    this.#forgetWhenComplete(message);
  }

  #recordGroupDelivery({ dueAt }: TrackedMessage): void {
    this.#counts.groupDelivered++;
    this.#meter.record(`group ${this.participants.length}`, dueAt);
  }

  /** Gives the seq to the message. A seq with two messages counts as a gap. */
  #assignSeq(message: TrackedMessage, seq: number): void {
    const owner = this.#bySeq.get(seq);
    if (owner !== undefined && owner !== message) this.#counts.gaps++;
    message.seq = seq;
    this.#bySeq.set(seq, message);
  }

  #forgetWhenComplete(message: TrackedMessage): void {
    if (message.heldBy.size < this.participants.length || !(message.acked || message.givenUp)) return;
    this.#messages.delete(message.number);
    this.#bySeq.delete(message.seq);
  }

  /**
   * Checks the order of one sender's messages. A message that is first sent after the ack of another has a higher seq.
   * On one connection, messages with one attempt each are numbered in the order in which they are sent. (With a resend
   * the sender is responsible for the order.)
   */
  #checkOrder(message: TrackedMessage, seq: number): void {
    const sender = this.participant(message.sender);
    let wrong = seq <= message.ackedBefore;
    sender.acked = Math.max(sender.acked, seq);
    if (message.attempts === 1) {
      const { connection, number, seq: newestSeq } = sender.newest;
      const sameConnection = connection === message.connection;
      if (sameConnection && message.number > number !== seq > newestSeq) wrong = true;
      if (!sameConnection || message.number > number) {
        sender.newest = { connection: message.connection, number: message.number, seq };
      }
    }
    if (wrong) this.#counts.outOfOrder++;
  }

  #numberOf(clientMessageId: string): number | undefined {
    return clientMessageId.startsWith(this.#prefix) ? Number(clientMessageId.slice(this.#prefix.length)) : undefined;
  }
}
