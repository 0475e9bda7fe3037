import type {
  ChangeMessageAck,
  ConversationId,
  FailureAck,
  MarkDelivered,
  Message,
  MessageChanged,
  MessagesDelivered,
  ReadAck,
  SyncAck,
} from '@chat-cluster/contracts';
import { isHeld, LeanClient, LeanDevice, type LeanTls, type Outgoing } from '@chat-cluster/testkit/lean-client';
import { changeSync, takeChange } from './change-sync.ts';
import type { ConversationSide } from './conversation-checker.ts';
import { countRefusal } from './counts.ts';
import type { Meter } from './meter.ts';

/** Settings that all devices of a process share. */
export interface DeviceContext {
  url: string;
  tls: LeanTls | undefined;
  meter: Meter;
  /** Content of every message. */
  content: string;
  /** False: refused messages are given up. */
  resend: boolean;
  /**
   * Devices are clients of groups and changes, by the entry `groups` of the library: they use protocol 2, sync changes,
   * and report which messages they have.
   */
  withGroups: boolean;
}

/** Requests that change a message. */
export type ChangeEvent = 'edit_message' | 'delete_message' | 'set_reaction';

/** Refusals that mean: not accepted. With other codes the message may be stored. */
const NOT_ACCEPTED = ['OVERLOADED', 'RATE_LIMITED'];

/**
 * One device of a user, and the record of its events, requests and acks. The client library decides what is sent and
 * resent, when to sync, and what a message is that the device did not have.
 */
export class Device extends LeanDevice {
  readonly userId: string;
  readonly token: string;
  readonly context: DeviceContext;
  readonly conversations = new Map<ConversationId, ConversationSide>();
  /** Unread count of the last answer to sync. */
  unreadBySync: number | undefined;
  /** Time of the last event or request that may change the badge. */
  changedAt = 0;
  /** Number of connections so far. */
  #connection = 0;
  #isClosed = false;
  #lostAt = 0;
  #isSyncUnderWay = false;
  #onReady: (() => void)[] = [];
  #onFailure: ((reason: string) => void) | undefined;

  constructor(user: { userId: string; token: string }, context: DeviceContext, localAddress?: string) {
    const { url, tls } = context;
    const address = localAddress === undefined ? {} : { localAddress };
    const protocol = context.withGroups ? { protocol: 2 as const } : {};
    const target = { url, token: user.token, ...address, ...(tls === undefined ? {} : { tls }), ...protocol };
    super((events) => new LeanClient(target, events));
    if (context.withGroups) {
      this.core.extension = changeSync(this);
      this.reportDeliveries();
    }
    this.userId = user.userId;
    this.token = user.token;
    this.context = context;
  }

  /** Before the first connection. */
  join(conversation: ConversationSide): void {
    const { conversationId } = conversation.checker;
    this.conversations.set(conversationId, conversation);
    this.core.state(conversationId);
  }

  /** Resolves when the device is connected and in sync. `onFailure`: called per failed attempt. */
  whenConnected(onFailure: (reason: string) => void): Promise<void> {
    this.#onFailure = onFailure;
    this.connect();
    return this.whenReady();
  }

  whenReady(): Promise<void> {
    if (this.isLive && !this.core.sync.isBusy) return Promise.resolve();
    return new Promise((resolve) => this.#onReady.push(resolve));
  }

  override close(): void {
    this.#isClosed = true;
    super.close();
  }

  /** Sends a message that is due at `dueAt` (performance.now()). `onAcked` is called with its seq. */
  send({ checker, side }: ConversationSide, dueAt: number, onAcked?: (seq: number) => void): void {
    const message = checker.track(side, dueAt);
    message.onAcked = onAcked;
    this.context.meter.inFlight++;
    const { conversationId } = checker;
    this.queue({ conversationId, clientMessageId: checker.clientMessageId(message), content: this.context.content });
  }

  /** Marks the messages that it holds as read. A failed request is not repeated: the next one covers it. */
  markRead({ checker, side }: ConversationSide): void {
    const { upTo } = checker.participant(side);
    if (!this.isOpen || upTo === 0) return;
    this.changedAt = performance.now();
    this.call(
      'read_messages',
      { conversationId: checker.conversationId, upToSeq: upTo },
      (answer: ReadAck | FailureAck) => {
        this.changedAt = performance.now();
        if (!answer.ok) return;
        this.context.meter.counts.reads++;
        checker.markRead(side, answer.upToSeq);
      },
    );
  }

  /** Changes a stored message. A request that fails is not repeated: it may have taken effect. */
  change({ checker }: ConversationSide, event: ChangeEvent, seq: number, fields: object = {}): void {
    if (!this.isOpen) return;
    const sentAt = performance.now();
    const payload = { conversationId: checker.conversationId, seq, ...fields };
    this.call(event, payload, (answer: ChangeMessageAck | FailureAck) => {
      if (!answer.ok) return;
      checker.changes.acknowledge(answer.message.rev ?? 0, sentAt);
      if (event === 'delete_message') checker.delete(seq);
    });
  }

  /** Compares every conversation with the store. `whenReady` resolves when what was missing is here. */
  sync(): void {
    for (const id of this.conversations.keys()) this.core.sync.want(id, false, true);
  }

  override opened(): void {
    this.#connection++;
    const { meter } = this.context;
    meter.connected++;
    if (this.#connection > 1) meter.counts.reconnects++;
    for (const { checker, side } of this.conversations.values()) checker.newConnection(side);
  }

  override lost(wasOpen: boolean, refusal: string | undefined, error: Error | undefined): void {
    const { meter } = this.context;
    if (wasOpen) {
      meter.connected--;
      meter.counts.lostConnections++;
      this.#lostAt = performance.now();
    }
    if (refusal !== undefined) countRefusal(meter.counts, refusal);
    this.#isSyncUnderWay = false;
    if (!this.#isClosed) this.#onFailure?.(refusal ?? error?.message ?? 'the connection was closed');
  }

  override event(name: string, payload: Message): void {
    if (name === 'sync_required') this.context.meter.counts.syncRequired++;
    if (name === 'messages_delivered') {
      const { marks } = payload as object as MessagesDelivered;
      this.context.meter.counts.marksReceived += marks.length;
    }
    if (name === 'message_changed') takeChange(this, payload as object as MessageChanged);
    if (name !== 'new_message') return;
    this.changedAt = performance.now();
    const { conversationId, seq } = payload;
    const conversation = this.conversations.get(conversationId);
    conversation?.checker.event(conversation.side, payload, isHeld(this.core.state(conversationId), seq));
  }

  /** A message that the device did not have, in the order of seq. */
  override message(message: Message): void {
    super.message(message);
    const conversation = this.conversations.get(message.conversationId);
    conversation?.checker.receive(conversation.side, message, this.receiving === 'new_message');
  }

  override requested(event: string): void {
    if (event !== 'sync') return;
    const { counts } = this.context.meter;
    counts.syncs++;
    if (this.#isSyncUnderWay) countRefusal(counts, 'no answer');
    this.#isSyncUnderWay = true;
    for (const { checker, side } of this.conversations.values())
      checker.participant(side).deliveredMark.syncRequested();
  }

  override answered(event: string, answer: SyncAck | FailureAck, proceed: () => void, request: MarkDelivered): void {
    if (event === 'sync') this.#isSyncUnderWay = false;
    if (!answer.ok) countRefusal(this.context.meter.counts, answer.error.code);
    else if (event === 'sync') this.#synced(answer);
    else if (event === 'mark_delivered') this.#reported(request);
    proceed();
  }

  override outboxChanged(outgoing: Outgoing): void {
    const { status, conversationId, clientMessageId } = outgoing;
    const checker = this.conversations.get(conversationId)?.checker;
    const message = checker?.find(clientMessageId);
    if (!checker || !message || this.#isClosed) return;
    if (status === 'sending') {
      checker.attempt(message, this.#connection);
      return;
    }
    const { resend, meter } = this.context;
    const code = this.refusedBy;
    // By its time-out: neither a refusal nor a lost connection.
    if (code === undefined && this.isOpen) countRefusal(meter.counts, 'no answer');
    if (status === 'queued' && resend) return;
    this.core.outbox.discard(outgoing);
    meter.inFlight--;
    meter.counts.givenUp++;
    if (status === 'failed' || NOT_ACCEPTED.includes(code ?? '')) checker.refuse(message);
    else checker.giveUp(message);
  }

  override acknowledged({ conversationId, clientMessageId }: Outgoing, { seq }: Message): void {
    const checker = this.conversations.get(conversationId)?.checker;
    const message = checker?.find(clientMessageId);
    if (!checker || !message) return;
    this.context.meter.inFlight--;
    checker.acknowledge(message, seq);
  }

  /** The store has another epoch. The library has discarded everything; the conversations are loaded anew. */
  override discontinuity(): void {
    super.discontinuity();
    for (const [id, { checker, side }] of this.conversations) {
      checker.restart(side);
      this.core.state(id).upTo = 0;
    }
  }

  override caughtUp(): void {
    this.#onFailure = undefined;
    for (const [id, { checker, side }] of this.conversations) {
      if (checker.participant(side).base === undefined) checker.startAt(side, this.core.state(id).upTo ?? 0);
    }
    if (this.#lostAt > 0) this.context.meter.record('recoveries', this.#lostAt);
    this.#lostAt = 0;
    super.caughtUp();
    for (const resolve of this.#onReady.splice(0)) resolve();
  }

  #synced({ conversations, unread }: SyncAck): void {
    this.unreadBySync = unread.count;
    const isOwn = ({ userId }: { userId: string }) => userId === this.userId;
    for (const { id, lastSeq, readMarks, deliveredMarks = [] } of conversations) {
      const conversation = this.conversations.get(id);
      if (!conversation) continue;
      const { checker, side } = conversation;
      const participant = checker.participant(side);
      participant.lastSeq = lastSeq;
      const mark = readMarks.find(isOwn);
      if (mark) checker.markRead(side, mark.upToSeq);
      const delivered = deliveredMarks.find(isOwn)?.upToSeq ?? 0;
      participant.deliveredMark.synced(Math.max(delivered, participant.readMark), lastSeq);
    }
  }

  #reported({ conversations }: MarkDelivered): void {
    this.context.meter.counts.deliveredMarks++;
    for (const { id, upToSeq } of conversations) {
      const conversation = this.conversations.get(id);
      conversation?.checker.participant(conversation.side).deliveredMark.acknowledge(upToSeq);
    }
  }
}
