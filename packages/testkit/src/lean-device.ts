import {
  ChatCore,
  type CoreOptions,
  type CoreOutput,
  DeliveredMarks,
  type DeliveredMarksDeps,
  systemClock,
  type Wire,
} from '@chat-cluster/client/core';
import type { FailureAck, Message, Session, SyncAck } from '@chat-cluster/contracts';
import { type OpenConnection, ReconnectingClient } from './reconnecting-client.ts';

/** A message of the outbox. */
export type Outgoing = Parameters<CoreOutput['acknowledged']>[0];

/**
 * Messages are sent at once, as by a program that awaits no ack, and none is skipped: a generator counts all of them,
 * and measures each ack. No window of messages is ever opened.
 */
const OPTIONS: CoreOptions = {
  windowSize: 0,
  maxBacklog: Number.POSITIVE_INFINITY,
  maxOutboxAgeMs: 24 * 3_600_000,
  maxSending: Number.POSITIVE_INFINITY,
  onlyAcksSettle: true,
};

/** Takes in the messages of groups, and no changes. */
const GROUPS: NonNullable<ChatCore['extension']> = { requested: () => ({}), shows() {} };
/** Each device sends. */
const ONE_TAB = { isLeading: true };

/**
 * A device of the client library (its outbox, its sync, its order of messages) on lean connections, one after another:
 * no page, no tabs, no store. One process holds thousands, so there is one object per device, and no function: a load
 * generator overrides the methods below `call` to record what happens.
 */
export class LeanDevice implements Wire, CoreOutput, DeliveredMarksDeps {
  readonly core: ChatCore;
  readonly clock = systemClock;
  readonly tabs = ONE_TAB;
  /** Connected, and has its session. */
  isOpen = false;
  /** Everything that was missed before this connection is here, and messages are sent. */
  isLive = false;
  /** The event, or the request whose answer, the core is receiving. */
  receiving: string | undefined;
  /** Code of the refusal that the core is receiving. */
  refusedBy: string | undefined;
  #client: ReconnectingClient;
  #deliveredMarks: DeliveredMarks | undefined;
  #queued = 0;

  constructor(open: OpenConnection) {
    this.core = new ChatCore(systemClock, OPTIONS, this);
    this.core.extension = GROUPS;
    this.#client = new ReconnectingClient(open, {
      event: (name, payload) => this.#event(name, payload),
      lost: (refusal, error) => this.#lost(refusal, error),
    });
  }

  get live(): Wire | undefined {
    return this.isLive ? this : undefined;
  }

  /** Before the first connection: the device reports which messages it has, as a client of groups does. */
  reportDeliveries(): void {
    this.#deliveredMarks = new DeliveredMarks(this);
  }

  connect(): void {
    this.#client.connect();
  }

  /** Loses the connection, as in a network failure, and reconnects as a stock client does. */
  drop(): void {
    this.#client.drop();
  }

  close(): void {
    this.#client.close();
    this.isOpen = false;
    this.core.disconnected();
    this.core.outbox.clear();
    this.#deliveredMarks?.clear();
  }

  /** Sends a message as soon as the device is live, under `clientMessageId` until it is acknowledged. */
  queue(draft: { conversationId: string; clientMessageId: string; content: string }): void {
    const sentAt = Date.now();
    const order = this.#queued++;
    const outgoing = { ...draft, attachments: [], sentAt, queuedAt: sentAt, order, status: 'queued', attempt: 0 };
    this.core.outbox.add(outgoing as unknown as Outgoing);
  }

  /** Sends a request; dropped without a connection. */
  call<Answer extends { ok: true }>(event: string, payload: object, onAnswer: (answer: Answer | FailureAck) => void) {
    this.requested(event);
    this.#client.connection?.call(event, payload, (answer: Answer | FailureAck) => {
      this.receiving = event;
      this.refusedBy = answer.ok ? undefined : answer.error.code;
      if (event === 'sync' && answer.ok && this.#deliveredMarks) this.#setGroups(answer as unknown as SyncAck);
      this.answered(event, answer as never, () => onAnswer(answer), payload as never);
      this.refusedBy = undefined;
    });
  }

  /** A connection has its session; the first sync follows. */
  opened(): void {}
  /**
   * A connection or an attempt has ended, and the core has handled it. `refusal` and `error` are those of `closed` of a
   * connection. `wasOpen`: it had its session.
   */
  lost(_wasOpen: boolean, _refusal: string | undefined, _error: Error | undefined): void {}
  /** An event of the server, before the core receives it. */
  event(_name: string, _payload: never): void {}
  /** A request is sent. */
  requested(_event: string): void {}
  /** The ack of a request has arrived. The core receives it when `proceed` is called. */
  answered(_event: string, _answer: never, proceed: () => void, _request: never): void {
    proceed();
  }
  /** Overrides call it too. */
  message({ conversationId, senderId, seq }: Message): void {
    if (senderId === this.core.userId) return;
    this.#deliveredMarks?.add(conversationId, seq, this.core.state(conversationId).extra.group?.memberCount);
  }
  changed(): void {}
  counted(): void {}
  read(): void {}
  outboxChanged(_outgoing: Outgoing): void {}
  acknowledged(_outgoing: Outgoing, _message: Message): void {}
  /** The history was replaced, so marks of it mean nothing. Overrides call it too. */
  discontinuity(): void {
    this.#deliveredMarks?.clear();
  }
  caughtUp(): void {
    if (this.isLive) return;
    this.isLive = true;
    this.core.outbox.start(this);
    this.#deliveredMarks?.start();
  }

  /** Before the messages of the answer are delivered: the size of a group decides whether it has marks. */
  #setGroups({ conversations }: SyncAck): void {
    for (const { id, group } of conversations) {
      const state = this.core.conversations.get(id);
      if (state && group) state.extra = { group };
    }
  }

  #event(name: string, payload: never): void {
    this.receiving = name;
    this.event(name, payload);
    if (name !== 'session') {
      this.core.event(name, payload);
      return;
    }
    this.isOpen = true;
    this.opened();
    this.core.connected(this, payload as Session);
  }

  #lost(refusal: string | undefined, error: Error | undefined): void {
    const wasOpen = this.isOpen;
    this.isOpen = false;
    this.isLive = false;
    this.core.disconnected();
    this.#deliveredMarks?.stop();
    this.lost(wasOpen, refusal, error);
  }
}
