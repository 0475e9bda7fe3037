import type { ConversationId, Exception, Message, Presence, Session, Typing, UserId } from '@chat-cluster/contracts';
import { Batch } from './batch.ts';
import { Connection, type ConnectionOwner } from './connection/connection.ts';
import { openSocket } from './connection/socket-io.ts';
import { Tokens } from './connection/tokens.ts';
import { ConversationHandle } from './conversation-handle.ts';
import { ConversationList } from './conversation-list.ts';
import type { ConversationState } from './core/conversation-state.ts';
import { ChatCore, type CoreOutput } from './core/core.ts';
import { type Clock, systemClock, type Wire } from './core/seams.ts';
import { type Deferred, defer } from './defer.ts';
import { ChatFailure, textOf } from './errors.ts';
import { memoryStore } from './memory-store.ts';
import type { CheckedOptions } from './options.ts';
import { browserPage } from './page/browser-page.ts';
import { Liveness } from './page/liveness.ts';
import { Tabs } from './page/tabs.ts';
import { Persistence } from './persistence.ts';
import { ReadMarks } from './read-marks.ts';
import { Rest } from './rest.ts';
import { Sending, type TabMessage } from './sending.ts';
import { Timers } from './timers.ts';
import type { ChatError, ChatStatus, Page, StoredState } from './types.ts';
import { TypingSignals } from './typing-signals.ts';
import { Watches } from './watches.ts';

/** Time that the first page of the list may delay `live`, in ms. */
const FIRST_PAGE_MS = 5_000;

/**
 * The parts of a client, and what they do to each other. Longer than other files: it is the one list of these effects.
 *
 *   page, timers ──▶ Liveness ──▶ Connection ──session──▶ (user, store) ──▶ ChatCore ──caughtUp──▶ live
 *                                     │                                        ▲ │
 *                                     └── events, answers ─────────────────────┘ └──▶ list, handles, events, store
 *
 * `live` starts the outbox (in one tab), read marks, typing and watches; the end of the connection stops them.
 */
export class Engine {
  readonly batch: Batch;
  readonly core: ChatCore;
  readonly connection: Connection;
  readonly list: ConversationList;
  readonly sending: Sending;
  readonly rest: Rest;
  readonly watches: Watches;
  isClosed = false;
  #options: CheckedOptions;
  #page: Page;
  #clock: Clock;
  #timers: Timers;
  #persistence: Persistence;
  #tabs: Tabs;
  #tokens: Tokens;
  #typing: TypingSignals;
  #reads: ReadMarks;
  #liveness: Liveness | undefined;
  #loaded: Promise<void> | undefined;
  #userId: UserId | undefined;
  #wire: Wire | undefined;
  /** Events that arrive while the state of their user is being loaded. */
  #early: [string, unknown][] | undefined;
  /** The first page of the list is loaded. */
  #isListed = false;
  #handles = new Map<ConversationId, ConversationHandle>();
  #changed = new Set<ConversationState>();
  #settling: Deferred<void>[] = [];

  constructor(options: CheckedOptions) {
    const { origin, store = memoryStore(), logger, page = browserPage(), windowSize, maxBacklog } = options;
    this.#options = options;
    this.#page = page;
    this.batch = new Batch(logger, () => this.#report());
    const batch = <T>(work: () => T): T => this.batch.run(work);
    this.#timers = new Timers(options.clock ?? systemClock, batch);
    const clock = this.#timers;
    this.#clock = clock;
    this.#tokens = new Tokens(options.getToken, clock);
    const tokens = this.#tokens;
    const { maxOutboxAgeMs, maxSending: perConversation } = options;
    this.core = new ChatCore(clock, { windowSize, maxBacklog, maxOutboxAgeMs, perConversation }, this.#output());
    this.connection = new Connection(
      {
        url: origin,
        openSocket: options.socket ?? openSocket,
        tokens,
        clock,
        batch,
        mayRetry: (failures) => this.#mayRetry(failures),
        ready: () => this.#load(),
      },
      this.#connectionOwner(),
    );
    this.rest = new Rest({ origin, fetch: options.fetch ?? globalThis.fetch, tokens, clock });
    this.list = new ConversationList({ batch: this.batch, core: this.core, rest: this.rest });
    this.#persistence = new Persistence({
      store,
      origin,
      failed: (error) => this.#fail(error),
      conversation: (id) => this.#kept(id),
    });
    this.#persistence.isWriter = page.lock === undefined;
    this.#tabs = new Tabs(page, {
      lead: () => batch(() => this.#lead()),
      follow: () => batch(() => this.#follow()),
      receive: (message) => batch(() => this.#mirror(message as TabMessage)),
    });
    this.sending = new Sending({
      batch: this.batch,
      clock,
      outbox: this.core.outbox,
      maxOutbox: options.maxOutbox,
      isRead: (message) => this.#isRead(message),
      changed: (id) => this.#handles.get(id)?.messages.invalidate(),
      keep: (outgoing) => this.#persistence.put(outgoing),
      forget: (id) => this.#persistence.remove(id),
      post: (message) => this.#tabs.post(message),
    });
    this.#typing = new TypingSignals(clock, (typing) => this.batch.emit('typing', typing));
    this.#reads = new ReadMarks({
      clock,
      isVisible: () => page.isVisible?.() !== false,
      readUpTo: (id) => this.core.conversations.get(id)?.readMarks[this.#userId as UserId] ?? 0,
    });
    this.watches = new Watches({
      clock,
      emit: (presence) => this.batch.emit('presence', presence),
      refused: (error) => this.#fail(error),
    });
  }

  connect(): void {
    const { connection, batch } = this;
    const visible = () => this.#reads.flush();
    const work = <T>(run: () => T) => batch.run(run);
    this.#liveness ??= new Liveness({ page: this.#page, clock: this.#clock, connection, batch: work, visible });
    batch.run(() => connection.connect());
  }

  conversation(id: ConversationId): ConversationHandle {
    const { batch, core, sending } = this;
    let handle = this.#handles.get(id);
    if (!handle) {
      handle = new ConversationHandle(id, {
        batch,
        core,
        sending,
        read: (conversationId, upToSeq) => this.#reads.read(conversationId, upToSeq),
        typing: (conversationId, isTyping) => this.#typing.send(conversationId, isTyping),
        checkOpen: () => this.checkOpen(),
      });
      this.#handles.set(id, handle);
    }
    return handle.open();
  }

  /** Opens the conversation with a user on the server, unless it is known. */
  async direct(userId: UserId): Promise<ConversationHandle> {
    const known = [...this.core.conversations.values()].find(({ otherUserId }) => otherUserId === userId);
    if (known) return this.conversation(known.id);
    const { id, createdAt } = await this.rest.open(userId);
    this.checkOpen();
    return this.batch.run(() => {
      const state = this.core.state(id);
      state.otherUserId = userId;
      state.updatedAt = Math.max(state.updatedAt, Date.parse(createdAt));
      this.#noteChange(state);
      this.watches.met(userId);
      return this.conversation(id);
    });
  }

  /** Resolves when the client is live and no message waits. */
  settled(): Promise<void> {
    this.checkOpen();
    const waiting = defer<void>();
    this.#settling.push(waiting);
    this.batch.run(() => {});
    return waiting.promise;
  }

  checkOpen(): void {
    if (this.isClosed) throw new Error('This client is closed. Create another one with createChatClient.');
  }

  async close({ forget = false } = {}): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.batch.run(() => {
      this.connection.stop('closed');
      if (forget) this.#forgetUser();
    });
    if (forget) this.#tabs.post({ type: 'signed_out' } satisfies TabMessage);
    this.#liveness?.end();
    this.#tabs.leave();
    this.rest.abort();
    this.#typing.clear();
    this.batch.end();
    this.#timers.end();
    await (forget ? this.#persistence.delete() : this.#persistence.flush());
    await this.#persistence.close();
  }

  #output(): CoreOutput {
    return {
      message: (message) => {
        this.#typing.end(message.conversationId, message.senderId);
        this.batch.emit('message', message);
      },
      conversation: (state) => this.#noteChange(state),
      removed: (state) => this.#noteChange(state),
      badge: (count) => {
        this.#persistence.set({ badge: count });
        this.batch.emit('badge', count);
      },
      read: (mark) => this.batch.emit('read', mark),
      outboxChanged: (outgoing) => this.sending.changed(outgoing, this.#tabs.isLeading),
      acknowledged: (outgoing, message) => this.sending.acknowledged(outgoing, message, this.#tabs.isLeading),
      discontinuity: (state) => {
        if (!state) this.#restart();
        this.batch.emit('discontinuity', state ? { reason: 'backlog', conversationId: state.id } : { reason: 'epoch' });
      },
      caughtUp: () => this.#caughtUp(),
    };
  }

  #connectionOwner(): ConnectionOwner {
    return {
      opened: (wire, session) => this.#opened(wire, session),
      event: (name, payload) => this.#event(name, payload),
      lost: () => this.#lost(),
      statusChanged: (status) => this.batch.emit('status', status),
    };
  }

  #opened(wire: Wire, session: Session): void {
    this.#wire = wire;
    this.#early = [];
    const begin = () => {
      if (this.#wire !== wire) return;
      this.core.connected(wire, session);
      const early = this.#early ?? [];
      this.#early = undefined;
      for (const [name, payload] of early) this.#event(name, payload);
    };
    if (session.userId === this.#userId) begin();
    else void this.#enterUser(session.userId).then(() => this.batch.run(begin));
  }

  #event(name: string, payload: unknown): void {
    if (this.#early) this.#early.push([name, payload]);
    else if (name === 'typing') this.#typing.receive(payload as Typing);
    else if (name === 'presence') this.watches.receive(payload as Presence);
    else if (name === 'exception') this.#fail((payload as Exception).error);
    else this.core.event(name, payload);
  }

  #lost(): void {
    this.#wire = undefined;
    this.#early = undefined;
    this.core.disconnected();
    this.#tabs.release();
    this.#reads.stop();
    this.#typing.stop();
    this.watches.stop();
  }

  #caughtUp(): void {
    const { since } = this.core.sync;
    const { epoch } = this.core;
    this.#persistence.set({ ...(since === undefined ? {} : { since }), ...(epoch === undefined ? {} : { epoch }) });
    const wire = this.#wire;
    if (this.#isListed) this.#live();
    else void this.#listFirst().then(() => this.batch.run(() => this.#wire === wire && this.#live()));
  }

  #live(): void {
    const wire = this.#wire;
    if (!wire || this.connection.status.state !== 'catching_up') return;
    this.connection.live();
    this.#tabs.want();
    this.#reads.start(wire);
    this.#typing.start(wire);
    this.watches.start(wire);
  }

  /** Loads the first page of the list. Without it the client is of use too: the next connection tries again. */
  async #listFirst(): Promise<void> {
    const late = defer<void>();
    const cancel = this.#clock.after(FIRST_PAGE_MS, () => late.resolve());
    const load = this.list.loadMore().then(
      () => {
        this.#isListed = true;
      },
      (error: unknown) =>
        this.#options.logger?.warn('The list of conversations was not loaded.', { error: textOf(error) }),
    );
    await Promise.race([load, late.promise]);
    cancel();
  }

  /** This tab sends from now on, and writes the store. */
  #lead(): void {
    if (this.#wire) this.core.outbox.start(this.#wire);
    this.#persistence.write(true);
    if (!this.#page.lock) return;
    const userId = this.#userId;
    // Messages of a tab that has ended.
    void this.#persistence
      .outbox()
      .then((messages) => this.batch.run(() => this.#userId === userId && this.sending.restore(messages)));
  }

  #follow(): void {
    this.core.outbox.stop();
    if (!this.isClosed) this.#persistence.write(this.#page.lock === undefined);
  }

  #mirror(message: TabMessage): void {
    if (this.isClosed) return;
    if (message.type === 'stored') this.core.receive(message.message);
    else if (message.type === 'signed_out') {
      this.connection.stop('signed_out');
      this.#forgetUser();
      this.#persistence.forget();
    } else this.sending.mirror(message);
  }

  /** Loads the state of the last user of this origin, once. */
  #load(): Promise<void> {
    this.#loaded ??= this.#persistence.lastUser(this.#after).then((userId) => {
      if (userId !== undefined && this.#userId === undefined) return this.#enterUser(userId as UserId);
    });
    return this.#loaded;
  }

  /** Loads the state of a user, and forgets that of another one. */
  async #enterUser(userId: UserId): Promise<void> {
    if (this.#userId !== undefined) {
      await this.#persistence.flush();
      this.batch.run(() => this.#forgetUser());
      this.#persistence.forget();
    }
    this.#userId = userId;
    this.core.userId = userId;
    this.#tabs.join(`chat:${this.#options.origin}:${userId}`);
    const state = await this.#persistence.open(userId, this.#after);
    if (state && this.#userId === userId) this.batch.run(() => this.#restore(state));
  }

  #after = (ms: number, run: () => void): (() => void) => this.#clock.after(ms, run);

  #restore({ epoch, since, badge, conversations, outbox }: StoredState): void {
    const { core } = this;
    core.epoch = epoch;
    core.sync.since = since;
    core.badge = badge;
    this.#isListed = since !== undefined;
    for (const { id, lastSeq, ...rest } of conversations) {
      const state = core.state(id);
      Object.assign(state, rest);
      state.begin(lastSeq);
      this.#handles.get(id)?.messages.invalidate();
    }
    this.list.restart();
    if (badge !== undefined) this.batch.emit('badge', badge);
    this.sending.restore(outbox);
  }

  #forgetUser(): void {
    this.sending.clear();
    this.core.reset();
    this.#reads.clear();
    this.#typing.clear();
    this.#userId = undefined;
    this.#restart(false);
  }

  /** Everything but the outbox is loaded anew. */
  #restart(isReplaced = true): void {
    this.#isListed = false;
    this.#changed.clear();
    if (isReplaced) {
      this.#persistence.discard();
      if (this.core.epoch !== undefined) this.#persistence.set({ epoch: this.core.epoch });
    }
    this.list.restart();
    for (const handle of this.#handles.values()) handle.messages.invalidate();
  }

  #noteChange(state: ConversationState): void {
    this.#changed.add(state);
    this.#persistence.changed(state.id);
  }

  /** At the end of a batch: what has changed, once per conversation. */
  #report(): void {
    for (const state of this.#changed) {
      this.list.changed(state.id);
      this.#handles.get(state.id)?.messages.invalidate();
      if (state.otherUserId !== undefined && this.batch.hasListeners('conversation')) {
        this.batch.emit('conversation', this.list.snapshot(state));
      }
    }
    this.#changed.clear();
    if (this.#settling.length > 0) this.#settle(this.connection.status);
  }

  #settle({ state, error }: ChatStatus): void {
    if (state === 'live' && this.core.outbox.unsent === 0) {
      for (const { resolve } of this.#settling.splice(0)) resolve();
    } else if (state === 'closed' || state === 'unauthorized' || state === 'signed_out') {
      const reason = error ?? { code: 'CONNECTION_LOST', message: `The client is ${state}.`, retryable: false };
      for (const { reject } of this.#settling.splice(0)) reject(new ChatFailure(reason));
    }
  }

  #kept(id: ConversationId) {
    const state = this.core.conversations.get(id);
    if (!state || state.otherUserId === undefined) return undefined;
    // After a restart, delivery goes on after this seq.
    return { ...this.list.snapshot(state), lastSeq: state.upTo ?? 0 };
  }

  #isRead({ conversationId, receiverId, seq, isRead }: Message): boolean {
    return isRead || seq <= (this.core.conversations.get(conversationId)?.readMarks[receiverId] ?? 0);
  }

  /** A hidden page tries once after it has lost its connection, and then waits until it is visible. */
  #mayRetry(failures: number): boolean {
    const { isOnline, isVisible } = this.#page;
    return isOnline?.() !== false && (failures === 0 || isVisible?.() !== false);
  }

  #fail({ code, message, retryable }: ChatError): void {
    this.#options.logger?.error(message, { code });
    this.batch.emit('error', { code, message, retryable });
  }
}
