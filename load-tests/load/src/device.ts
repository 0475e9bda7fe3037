import type {
  ConversationId,
  FailureAck,
  Message,
  ReadAck,
  ReadMessages,
  SendAck,
  SyncAck,
} from '@chat-cluster/contracts';
import { LeanDevice, type LeanDeviceObserver, type LeanTls } from '@chat-cluster/testkit/lean-client';
import type { ConversationChecker } from './conversation-checker.ts';
import type { Side } from './conversation-state.ts';
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
}

/** A conversation, and which of its participants the device belongs to. */
export interface ConversationSide {
  checker: ConversationChecker;
  side: Side;
}

type Outgoing = Parameters<NonNullable<LeanDeviceObserver['acknowledged']>>[0];

/** Refusals that mean: not accepted. With other codes the message may be stored. */
const NOT_ACCEPTED = ['OVERLOADED', 'RATE_LIMITED'];

/**
 * One device of a user: a lean device of the client library, whose events, requests and acks it records. The library
 * decides what is sent and resent, when to sync, and what a message is that the device did not have.
 */
export class Device {
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
  #device: LeanDevice;
  #sent = 0;
  #closed = false;
  #lostAt = 0;
  /** An event is being received, not an answer to sync. */
  #isEvent = false;
  /** Code of the refusal that the outbox is receiving. */
  #refusedBy: string | undefined;
  #isSyncUnderWay = false;
  /** Messages that arrived before their acks, by client message id. */
  #unacked = new Map<string, Message>();
  #onReady: (() => void)[] = [];
  #onFailure: ((reason: string) => void) | undefined;

  constructor(user: { userId: string; token: string }, context: DeviceContext, localAddress?: string) {
    this.userId = user.userId;
    this.token = user.token;
    this.context = context;
    const { url, tls } = context;
    const address = localAddress === undefined ? {} : { localAddress };
    const target = { url, token: user.token, ...address, ...(tls === undefined ? {} : { tls }) };
    this.#device = new LeanDevice(() => target, this.#observer());
  }

  /** The last `unread_count`. */
  get badge(): number | undefined {
    return this.#device.core.badge;
  }

  /** Connected, and every conversation was synced on this connection. */
  get current(): boolean {
    return this.#device.isLive;
  }

  /** Messages that wait for their acks or to be sent. */
  get unsent(): number {
    return this.#device.core.outbox.size;
  }

  join(conversation: ConversationSide): void {
    const id = conversation.checker.conversationId;
    this.conversations.set(id, conversation);
    this.#device.core.state(id);
  }

  /** Resolves when the device is connected, has its badge and is in sync. `onFailure`: called per failed attempt. */
  connect(onFailure?: (reason: string) => void): Promise<void> {
    this.#onFailure = onFailure;
    this.#device.connect();
    return this.whenReady();
  }

  whenReady(): Promise<void> {
    if (this.current && !this.#device.core.sync.isBusy) return Promise.resolve();
    return new Promise((resolve) => this.#onReady.push(resolve));
  }

  /** Loses the connection, as in a network failure, and reconnects as a stock client does. */
  drop(): void {
    this.#device.drop();
  }

  close(): void {
    this.#closed = true;
    this.#device.close();
  }

  /** Sends a message that is due at `dueAt` (performance.now()). */
  send({ checker, side }: ConversationSide, dueAt: number): void {
    const message = checker.track(side, dueAt);
    this.context.meter.inFlight++;
    const sentAt = Date.now();
    this.#device.core.outbox.add({
      clientMessageId: checker.clientMessageId(message),
      conversationId: checker.conversationId,
      content: this.context.content,
      attachments: [],
      sentAt,
      queuedAt: sentAt,
      order: this.#sent++,
      status: 'queued',
      attempt: 0,
    });
  }

  /** Marks the messages that it holds as read. A failed request is not repeated: the next one covers it. */
  read({ checker, side }: ConversationSide): void {
    const { upTo } = checker.participants[side];
    if (!this.#device.isOpen || upTo === 0) return;
    this.changedAt = performance.now();
    this.#device.call('read_messages', { conversationId: checker.conversationId, upToSeq: upTo }, () => {});
  }

  /** Compares every conversation with the store. `whenReady` resolves when what was missing is here. */
  sync(): void {
    const { core } = this.#device;
    for (const id of this.conversations.keys()) core.sync.want(id, { isCheck: true });
  }

  #observer(): LeanDeviceObserver {
    return {
      opened: () => this.#opened(),
      event: (name, payload) => this.#event(name, payload),
      requested: (event) => this.#requested(event),
      answered: (event, payload, answer, proceed) => this.#answered(event, payload, answer, proceed),
      lost: (wasOpen, refusal, error) => this.#lost(wasOpen, refusal, error),
      message: (message) => this.#received(message),
      outboxChanged: (outgoing) => this.#outboxChanged(outgoing),
      acknowledged: (_, message) => this.#settled(message),
      discontinuity: () => this.#restart(),
      caughtUp: () => this.#ready(),
    };
  }

  #opened(): void {
    this.#connection++;
    const { meter } = this.context;
    meter.connected++;
    if (this.#connection > 1) meter.counts.reconnects++;
    for (const { checker, side } of this.conversations.values()) checker.newConnection(side);
  }

  #lost(wasOpen: boolean, refusal: string | undefined, error: Error | undefined): void {
    const { meter } = this.context;
    if (wasOpen) {
      meter.connected--;
      meter.counts.lostConnections++;
      this.#lostAt = performance.now();
    }
    if (refusal !== undefined) countRefusal(meter.counts, refusal);
    this.#isSyncUnderWay = false;
    // Their acks cannot come any more, and are of no use: the messages are known to be stored.
    for (const message of this.#unacked.values()) this.#acknowledge(message);
    if (!this.#closed) this.#onFailure?.(refusal ?? error?.message ?? 'the connection was closed');
  }

  #event(name: string, payload: Message): void {
    this.#isEvent = name === 'new_message';
    if (name === 'sync_required') this.context.meter.counts.syncRequired++;
    if (!this.#isEvent) return;
    this.changedAt = performance.now();
    const conversation = this.conversations.get(payload.conversationId);
    if (!conversation) return;
    const state = this.#device.core.conversations.get(payload.conversationId);
    conversation.checker.event(conversation.side, payload, state?.holds(payload.seq) === true);
  }

  /** A message that the device did not have, in the order of seq. */
  #received(message: Message): void {
    const conversation = this.conversations.get(message.conversationId);
    conversation?.checker.receive(conversation.side, message, this.#isEvent);
  }

  #requested(event: string): void {
    if (event !== 'sync') return;
    const { counts } = this.context.meter;
    counts.syncs++;
    if (this.#isSyncUnderWay) countRefusal(counts, 'no answer');
    this.#isSyncUnderWay = true;
  }

  #answered(event: string, payload: never, answer: never, proceed: (answer: never) => void): void {
    const { ok } = answer as { ok: boolean };
    this.#isEvent = false;
    if (event === 'sync') this.#isSyncUnderWay = false;
    if (!ok) {
      this.#refusedBy = (answer as FailureAck).error.code;
      countRefusal(this.context.meter.counts, this.#refusedBy);
    } else if (event === 'send_message') this.#acknowledge((answer as SendAck).message);
    else if (event === 'read_messages') this.#read(payload, answer);
    else if (event === 'sync') this.#synced(answer);
    proceed(answer);
    this.#refusedBy = undefined;
  }

  #read({ conversationId }: ReadMessages, { upToSeq }: ReadAck): void {
    this.changedAt = performance.now();
    this.context.meter.counts.reads++;
    const conversation = this.conversations.get(conversationId);
    conversation?.checker.markRead(conversation.side, upToSeq);
  }

  #synced({ conversations, unread }: SyncAck): void {
    this.unreadBySync = unread.count;
    for (const { id, lastSeq, readMarks } of conversations) {
      const conversation = this.conversations.get(id);
      if (!conversation) continue;
      const { checker, side } = conversation;
      checker.participants[side].lastSeq = lastSeq;
      const mark = readMarks.find(({ userId }) => userId === this.userId);
      if (mark) checker.markRead(side, mark.upToSeq);
    }
  }

  /** The store has another epoch. The library has discarded everything; the messages of this run are loaded anew. */
  #restart(): void {
    for (const [id, { checker, side }] of this.conversations) {
      checker.restart(side);
      this.#device.core.state(id).upTo = 0;
    }
  }

  /** The message is stored. It left the outbox with its ack, or arrived on another path: then its ack may follow. */
  #settled(stored: Message): void {
    const { message } = this.#tracked(stored);
    if (!message || message.acked) return;
    if (message.isUnderWay) this.#unacked.set(stored.clientMessageId, stored);
    else this.#acknowledge(stored);
  }

  #acknowledge(stored: Message): void {
    const { checker, message } = this.#tracked(stored);
    this.#unacked.delete(stored.clientMessageId);
    if (!checker || !message) return;
    if (!message.acked) this.context.meter.inFlight--;
    checker.acknowledge(message, stored.seq);
  }

  #outboxChanged(outgoing: Outgoing): void {
    const { checker, message } = this.#tracked(outgoing);
    if (!checker || !message || this.#closed) return;
    if (outgoing.status === 'sending') {
      checker.attempt(message, this.#connection);
      return;
    }
    message.isUnderWay = false;
    const { resend, meter } = this.context;
    const code = this.#refusedBy;
    // By its time-out: neither a refusal nor a lost connection.
    if (code === undefined && this.#device.isOpen) countRefusal(meter.counts, 'no answer');
    if (outgoing.status === 'queued' && resend) return;
    this.#device.core.outbox.discard(outgoing);
    meter.inFlight--;
    meter.counts.givenUp++;
    if (outgoing.status === 'failed' || NOT_ACCEPTED.includes(code ?? '')) checker.refuse(message);
    else checker.giveUp(message);
  }

  /** The checker of a message, and the message while it is not complete. */
  #tracked({ conversationId, clientMessageId }: Pick<Message, 'conversationId' | 'clientMessageId'>) {
    const checker = this.conversations.get(conversationId)?.checker;
    return { checker, message: checker?.find(clientMessageId) };
  }

  #ready(): void {
    this.#onFailure = undefined;
    for (const [id, { checker, side }] of this.conversations) {
      if (checker.participants[side].base !== undefined) continue;
      checker.startAt(side, this.#device.core.conversations.get(id)?.upTo ?? 0);
    }
    if (this.#lostAt > 0) this.context.meter.record('recoveries', this.#lostAt);
    this.#lostAt = 0;
    for (const resolve of this.#onReady.splice(0)) resolve();
  }
}
