/*
 * Longer than 250 lines on purpose: one class that connects the parts of a client, and owns their lifetimes.
 */
import type {
  Exception,
  FailureAck,
  Message,
  MessagesRead,
  Presence,
  Session,
  Typing,
  UserId,
} from '@chat-cluster/contracts';
import { Batch } from './batch.ts';
import { Connection, type ConnectionOwner } from './connection/connection.ts';
import { Tokens } from './connection/tokens.ts';
import type { ConversationHandle } from './conversation-handle.ts';
import { ConversationList } from './conversation-list.ts';
import { Conversations } from './conversations.ts';
import type { ConversationState } from './core/conversation-state.ts';
import { ChatCore, type CoreOutput } from './core/core.ts';
import type { Outgoing } from './core/outbox.ts';
import { systemClock, type Wire } from './core/seams.ts';
import { CurrentUser } from './current-user.ts';
import { chatError } from './errors.ts';
import type { Extension } from './extension.ts';
import type { CheckedOptions } from './options.ts';
import { browserPage } from './page/browser-page.ts';
import { Liveness } from './page/liveness.ts';
import { Tabs, type TabsOwner } from './page/tabs.ts';
import { Persistence } from './persistence.ts';
import { ReadMarks } from './read-marks.ts';
import { Rest } from './rest.ts';
import { Sending, type TabMessage } from './sending.ts';
import { Settling } from './settling.ts';
import { Timers } from './timers.ts';
import type { ChatError, Page } from './types.ts';
import { TypingSignals } from './typing-signals.ts';
import { Watches } from './watches.ts';

/**
 * The parts of a client, and what they do to each other. Each part declares what it needs of the others, and receives
 * this object.
 *
 *   page, timers ──▶ Liveness ──▶ Connection ──session──▶ CurrentUser (store) ──▶ ChatCore ──caughtUp──▶ live
 *                                     │                                              ▲ │
 *                                     └── events, answers ───────────────────────────┘ └──▶ list, handles, events, store
 *
 * `live` starts the outbox (in one tab), read marks, typing and watches; the end of the connection stops them.
 */
export class Engine implements ConnectionOwner, CoreOutput, TabsOwner {
  readonly options: CheckedOptions;
  readonly page: Page;
  readonly batch: Batch;
  readonly clock: Timers;
  readonly core: ChatCore;
  readonly tokens: Tokens = new Tokens(this);
  readonly connection: Connection;
  readonly rest: Rest = new Rest(this);
  readonly list: ConversationList;
  readonly conversations: Conversations = new Conversations(this);
  readonly persistence: Persistence;
  readonly tabs: Tabs = new Tabs(this);
  readonly sending: Sending;
  readonly typing: TypingSignals = new TypingSignals(this);
  readonly reads: ReadMarks = new ReadMarks(this);
  readonly watches: Watches = new Watches(this);
  readonly settling: Settling = new Settling(this);
  readonly user: CurrentUser = new CurrentUser(this);
  /** Set by an extension. */
  extension: Extension | undefined;
  /** The connection, while it is live. */
  live: Wire | undefined;
  #isClosed = false;
  #liveness: Liveness | undefined;
  /** The connection, from its session on. */
  #wire: Wire | undefined;
  /** Events that arrive while the state of their user is being loaded. */
  #early: [string, unknown][] | undefined;

  constructor(options: CheckedOptions) {
    this.options = options;
    this.page = options.page ?? browserPage();
    this.batch = new Batch(options.logger, () => {
      this.conversations.report();
      this.watches.met();
      this.settling.check();
    });
    this.clock = new Timers(options.clock ?? systemClock, this.batch);
    this.core = new ChatCore(this.clock, options, this);
    this.connection = new Connection(this);
    this.list = new ConversationList(this);
    this.persistence = new Persistence(this);
    this.sending = new Sending(this);
  }

  connect(): void {
    this.#liveness ??= new Liveness(this);
    this.batch.run(() => this.connection.connect());
  }

  /** Opens the conversation with a user on the server, unless it is known. */
  async direct(userId: UserId): Promise<ConversationHandle> {
    const known = this.core.withUser(userId);
    if (known) return this.conversations.open(known.id);
    const { id, createdAt } = await this.rest.open(userId);
    this.open();
    return this.batch.run(() => {
      const state = this.core.state(id);
      state.otherUserId = userId;
      state.active(createdAt);
      this.changed(state);
      return this.conversations.open(id);
    });
  }

  /** Throws when the client is closed. */
  open(): this {
    if (this.#isClosed) throw new Error('This client is closed. Create another one.');
    return this;
  }

  /** `forget`: also deletes what is stored for the user. */
  async close(forget = false): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.batch.run(() => {
      this.connection.stop('closed');
      this.typing.clear();
      if (forget) this.user.forget();
    });
    if (forget) this.tabs.post({ type: 'signed_out' } satisfies TabMessage);
    this.#liveness?.end();
    this.tabs.leave();
    this.rest.abort();
    this.batch.end();
    this.clock.end();
    await this.persistence.close(forget);
  }

  /** A problem that no call returns. */
  fail(error: ChatError | FailureAck['error']): void {
    this.options.logger?.error(error.message, { code: error.code });
    this.batch.emit('error', chatError(error));
  }

  // What the core reports.

  message(message: Message): void {
    this.typing.end(message.conversationId, message.senderId);
    this.batch.emit('message', message);
  }

  changed(state: ConversationState): void {
    this.conversations.changed(state);
    this.persistence.changed(state.id);
  }

  counted(badge: number): void {
    this.persistence.set({ badge });
    this.batch.emit('badge', badge);
  }

  read(mark: MessagesRead): void {
    this.batch.emit('read', mark);
  }

  outboxChanged(outgoing: Outgoing): void {
    this.sending.changed(outgoing);
  }

  acknowledged(outgoing: Outgoing, message: Message): void {
    this.typing.sent(outgoing.conversationId);
    this.sending.acknowledged(outgoing, message);
  }

  discontinuity(state: ConversationState | undefined): void {
    if (!state) {
      this.conversations.restart();
      this.persistence.discard();
      this.persistence.set({ epoch: this.core.epoch });
    }
    this.batch.emit('discontinuity', state ? { reason: 'backlog', conversationId: state.id } : { reason: 'epoch' });
  }

  caughtUp(): void {
    const { core } = this;
    const wire = this.#wire;
    this.persistence.set({ since: core.sync.since, hasGroups: !!this.extension, epoch: core.epoch });
    if (this.list.isBegun) this.#live();
    else void this.list.first().then(() => this.batch.run(() => this.#wire === wire && this.#live()));
  }

  // What the connection reports.

  ready(): Promise<void> {
    return this.user.load();
  }

  opened(wire: Wire, session: Session): void {
    this.#wire = wire;
    this.#early = [];
    const begin = () => {
      if (this.#wire !== wire) return;
      this.core.connected(wire, session);
      const early = this.#early ?? [];
      this.#early = undefined;
      for (const [name, payload] of early) this.event(name, payload);
    };
    if (session.userId === this.core.userId) begin();
    else void this.user.enter(session.userId).then(() => this.batch.run(begin));
  }

  event(name: string, payload: unknown): void {
    if (this.#early) this.#early.push([name, payload]);
    else if (name === 'typing') this.typing.receive(payload as Typing);
    else if (name === 'presence') this.watches.receive(payload as Presence);
    else if (name === 'exception') this.fail((payload as Exception).error);
    else {
      this.core.event(name, payload);
      this.extension?.event(name, payload);
    }
  }

  lost(): void {
    this.#wire = undefined;
    this.live = undefined;
    this.#early = undefined;
    this.core.disconnected();
    this.tabs.release();
    this.reads.flush();
    this.typing.stop();
    this.watches.stop();
  }

  #live(): void {
    if (!this.#wire || this.live) return;
    this.live = this.#wire;
    this.connection.live();
    this.tabs.want();
    this.reads.flush();
    this.watches.start();
  }

  // What the tabs report.

  /** This tab sends from now on, and writes the store. */
  lead(): void {
    const wire = this.#wire;
    if (wire) this.batch.run(() => this.core.outbox.start(wire));
    this.persistence.lead(true);
    if (!this.page.lock) return;
    const { userId } = this.core;
    // Messages of a tab that has ended.
    void this.persistence
      .outbox()
      .then((messages) => this.batch.run(() => this.core.userId === userId && this.sending.restore(messages)));
  }

  follow(): void {
    this.batch.run(() => this.core.outbox.stop());
    if (!this.#isClosed) this.persistence.lead(false);
  }

  receive(message: unknown): void {
    if (!this.#isClosed) this.batch.run(() => this.#mirror(message as TabMessage));
  }

  #mirror(message: TabMessage): void {
    if (message.type === 'stored') this.core.receive(message.message);
    else if (message.type === 'signed_out') {
      this.connection.stop('signed_out');
      this.user.forget();
      this.persistence.forget();
    } else this.sending.mirror(message);
  }
}
