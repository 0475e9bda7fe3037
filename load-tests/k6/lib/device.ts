import type { ConversationId, FailureAck, Message, MessagesDelivered, ReadAck } from '@chat-cluster/contracts';
import {
  EventOrder,
  isHeld,
  LeanDevice,
  type Outgoing,
  SocketIoConnection,
  socketIoUrl,
  type TextSocketEvents,
} from '../generated/client-library.js';
import type { Meter } from './metrics.ts';
import { textSocket, type W3cSocket } from './text-socket.ts';

export interface DeviceOptions {
  url: string;
  user: string;
  token: string;
  /** Ids of the user's conversations. */
  conversations: readonly string[];
  /** A client of groups: it uses protocol 2, and reports which messages it has. */
  withGroups: boolean;
  openSocket: (url: string) => W3cSocket;
}

export interface DeviceEvents {
  /** Once per message, which came as an event, by `sync` or in an ack. */
  received(message: Message, bySync: boolean): void;
  /** At most one of the two per sent message. */
  acked(clientMessageId: string): void;
  refused(clientMessageId: string, code: string): void;
}

/**
 * One device of a user, and the record of what happens to it. The client library decides what is sent and resent, when
 * to sync, and what a message is that the device did not have.
 */
export class Device extends LeanDevice {
  readonly user: string;
  /** True once the device was connected and in sync for the first time. */
  wasReady = false;
  #meter: Meter;
  #events: DeviceEvents;
  #options: DeviceOptions;
  #startedAt = 0;
  #lostAt: number | undefined;
  #cutWhenReady = false;
  #isClosed = false;
  /** Calls of `markRead` without an answer. */
  #reading = 0;
  /** Events of this connection, by conversation. */
  #orders = new Map<string, EventOrder>();

  constructor(options: DeviceOptions, meter: Meter, events: DeviceEvents) {
    const { url, token, openSocket, withGroups } = options;
    super((connection) => {
      this.#startedAt = Date.now();
      const socket = openSocket(socketIoUrl(url).replace(/^http/, 'ws'));
      const open = (on: TextSocketEvents) => textSocket(socket, on, () => meter.add('chat_unreadable', 1));
      return new SocketIoConnection(token, connection, open, withGroups ? 2 : undefined);
    });
    if (withGroups) this.reportDeliveries();
    this.user = options.user;
    this.#options = options;
    this.#meter = meter;
    this.#events = events;
    this.#startConversations();
  }

  /** Breaks the connection, now or when it is first in sync. The device reconnects as a stock client does. */
  cut(): void {
    if (!this.wasReady) this.#cutWhenReady = true;
    else if (this.isOpen) this.drop();
  }

  /** True from the loss of a connection until the device is in sync again. */
  get isRecovering(): boolean {
    return this.#lostAt !== undefined;
  }

  override close(): void {
    this.#isClosed = true;
    this.#failReads();
    super.close();
  }

  /** Marks messages as read. Does nothing while there is no connection. */
  markRead(conversationId: string, upToSeq: number): void {
    if (!this.isOpen) return;
    const startedAt = Date.now();
    this.#reading++;
    this.call('read_messages', { conversationId, upToSeq }, ({ ok }: ReadAck | FailureAck) => {
      this.#reading--;
      this.#meter.add(ok ? 'chat_reads' : 'chat_failed_reads', 1);
      if (ok) this.#meter.add('chat_read_ms', Date.now() - startedAt);
    });
  }

  override opened(): void {
    this.#orders.clear();
    this.#meter.add('chat_connect_ms', Date.now() - this.#startedAt);
  }

  override lost(wasOpen: boolean, refusal: string | undefined): void {
    if (this.#isClosed) return;
    this.#failReads();
    if (wasOpen) this.#lostAt = this.#lostAt ?? Date.now();
    else if (refusal === undefined) this.#meter.add('chat_failed_connects', 1);
    else {
      // As for a stock client, a refused token is final.
      this.#meter.add('chat_refused_connects', 1, { code: refusal });
      this.close();
    }
  }

  override answered(event: string, { ok }: { ok: boolean }, proceed: () => void): void {
    if (event === 'mark_delivered' && ok) this.#meter.add('chat_delivered_marks', 1);
    proceed();
  }

  override event(name: string, payload: Message): void {
    if (name === 'messages_delivered') {
      const { marks } = payload as object as MessagesDelivered;
      this.#meter.add('chat_marks_received', marks.length);
    }
    if (name !== 'new_message') return;
    const { conversationId, seq } = payload;
    const order = this.#orders.get(conversationId) ?? new EventOrder();
    this.#orders.set(conversationId, order);
    const wasHeld = isHeld(this.core.state(conversationId), seq);
    const came = order.add(seq);
    if (came === 'repeated') this.#meter.add('chat_duplicated', 1);
    else if (came === 'late' && !wasHeld) this.#meter.add('chat_out_of_order', 1);
  }

  override message(message: Message): void {
    super.message(message);
    this.#events.received(message, this.receiving === 'sync');
  }

  override outboxChanged(outgoing: Outgoing): void {
    if (outgoing.status === 'sending' || this.#isClosed) return;
    if (this.refusedBy === undefined) {
      // Without an answer, or without a connection: the library sends it again.
      this.#meter.add('chat_resent', 1);
      return;
    }
    this.core.outbox.discard(outgoing);
    this.#events.refused(outgoing.clientMessageId, this.refusedBy);
  }

  override acknowledged({ clientMessageId }: Outgoing): void {
    this.#events.acked(clientMessageId);
  }

  /** The database was restored and numbers are assigned again. */
  override discontinuity(): void {
    super.discontinuity();
    this.#startConversations();
  }

  override caughtUp(): void {
    if (this.isLive) return;
    this.wasReady = true;
    if (this.#lostAt !== undefined) {
      this.#meter.add('chat_reconnects', 1);
      this.#meter.add('chat_recovery_ms', Date.now() - this.#lostAt);
      this.#lostAt = undefined;
    }
    if (!this.#cutWhenReady) super.caughtUp();
    else {
      this.#cutWhenReady = false;
      this.drop();
    }
  }

  #failReads(): void {
    if (this.#reading > 0) this.#meter.add('chat_failed_reads', this.#reading);
    this.#reading = 0;
  }

  /** Every message of a conversation is new to the device, also one that was sent before it connected. */
  #startConversations(): void {
    for (const id of this.#options.conversations) this.core.state(id as ConversationId).upTo = 0;
  }
}
