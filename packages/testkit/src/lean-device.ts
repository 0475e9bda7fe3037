import { ChatCore, type CoreOptions, type CoreOutput, systemClock, type Wire } from '@chat-cluster/client/core';
import type { FailureAck, Session } from '@chat-cluster/contracts';
import type { LeanClientOptions } from './lean-client.ts';
import { ReconnectingClient } from './reconnecting-client.ts';

/** An ack as a device receives it. */
export type LeanAnswer = { ok: true } | FailureAck;

/** What a load generator records of a device. Without a part of it the device does the same. */
export interface LeanDeviceObserver extends Partial<CoreOutput> {
  /** A connection has its session; the first sync follows. */
  opened?(): void;
  /** An event of the server, before the core receives it. */
  event?(name: string, payload: never): void;
  /** A request is sent. */
  requested?(event: string, payload: never): void;
  /** An ack has arrived. The device receives it when `proceed` is called. */
  answered?(event: string, payload: never, answer: never, proceed: (answer: never) => void): void;
  /**
   * A connection or an attempt has ended, and the core knows. The arguments are those of `closed` of a lean client.
   * `wasOpen`: it had its session.
   */
  lost?(wasOpen: boolean, refusal: string | undefined, error: Error | undefined): void;
}

/**
 * Messages are sent at once, as by a program that awaits no ack, and none is skipped: a generator counts all of them.
 * No window of messages is ever opened.
 */
const OPTIONS: CoreOptions = {
  windowSize: 0,
  maxBacklog: Number.POSITIVE_INFINITY,
  maxOutboxAgeMs: 24 * 3_600_000,
  perConversation: Number.POSITIVE_INFINITY,
};

const UNOBSERVED: CoreOutput = {
  message() {},
  conversation() {},
  removed() {},
  badge() {},
  read() {},
  outboxChanged() {},
  acknowledged() {},
  discontinuity() {},
  caughtUp() {},
};

/**
 * A device as the client library makes it (its outbox, its sync, its order of messages), on lean connections one after
 * another: no page, no tabs, no store. One process holds thousands.
 */
export class LeanDevice implements Wire {
  readonly core: ChatCore;
  /** Connected, and has its session. */
  isOpen = false;
  /** Nothing is missing on this connection, or was when it was new; messages of the outbox are sent. */
  isLive = false;
  #observer: LeanDeviceObserver;
  #client: ReconnectingClient;

  /** `target` is called for each attempt. */
  constructor(target: () => LeanClientOptions, observer: LeanDeviceObserver) {
    this.#observer = observer;
    const caughtUp = () => this.#caughtUp();
    this.core = new ChatCore(systemClock, OPTIONS, { ...UNOBSERVED, ...observer, caughtUp });
    this.#client = new ReconnectingClient(target, {
      connected() {},
      event: (name, payload) => this.#event(name, payload),
      lost: (refusal, error) => this.#lost(refusal, error),
    });
  }

  connect(): void {
    this.#client.connect();
  }

  /** Loses the connection, as in a network failure, and reconnects. */
  drop(): void {
    this.#client.drop();
  }

  close(): void {
    this.#client.close();
    this.isOpen = false;
    this.core.disconnected();
    this.core.outbox.clear();
  }

  /** Sends a request; dropped without a connection. */
  call<Answer extends { ok: true }>(
    event: string,
    payload: object,
    onAnswer: (answer: Answer | FailureAck) => void,
  ): void {
    const { connection } = this.#client;
    if (!connection) return;
    const observer = this.#observer;
    observer.requested?.(event, payload as never);
    connection.call<LeanAnswer>(event, payload, (answer) => {
      if (observer.answered) observer.answered(event, payload as never, answer as never, onAnswer);
      else onAnswer(answer as Answer | FailureAck);
    });
  }

  #event(name: string, payload: never): void {
    this.#observer.event?.(name, payload);
    if (name === 'session') this.#opened(payload);
    else this.core.event(name, payload);
  }

  #opened(session: Session): void {
    this.isOpen = true;
    this.#observer.opened?.();
    this.core.connected(this, session);
  }

  #caughtUp(): void {
    if (!this.isLive) {
      this.isLive = true;
      this.core.outbox.start(this);
    }
    this.#observer.caughtUp?.();
  }

  #lost(refusal: string | undefined, error: Error | undefined): void {
    const wasOpen = this.isOpen;
    this.isOpen = false;
    this.isLive = false;
    this.core.disconnected();
    this.#observer.lost?.(wasOpen, refusal, error);
  }
}
