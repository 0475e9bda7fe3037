import type { ClientMessageId, ConversationId, Message } from '@chat-cluster/contracts';
import { type Batch, Source } from './batch.ts';
import type { ChatCore } from './core/core.ts';
import { getOrAdd } from './core/get-or-add.ts';
import type { Outgoing, OutgoingError } from './core/outbox.ts';
import { problem } from './core/problem.ts';
import type { Clock } from './core/seams.ts';
import { checkedDraft } from './draft.ts';
import type { Extension } from './extension.ts';
import type { Tabs } from './page/tabs.ts';
import type { Persistence } from './persistence.ts';
import { type End, Sent } from './sent.ts';
import type { DraftMessage, OutgoingMessage, SentMessage, StoredOutgoing } from './types.ts';

export interface SendingDeps {
  readonly options: { maxOutbox: number };
  readonly batch: Batch;
  readonly clock: Clock;
  readonly core: ChatCore;
  readonly extension: Extension | undefined;
  readonly tabs: Tabs;
  readonly persistence: Pick<Persistence, 'put' | 'remove'>;
  readonly conversations: {
    /** The shown messages of this conversation have changed. */
    invalidate(id: ConversationId): void;
  };
  /** Throws when the client is closed. */
  open(): unknown;
}

/** What tabs of one user send to each other about the outbox. */
export type TabMessage =
  | { type: 'queued'; outgoing: StoredOutgoing }
  | { type: 'status'; id: ClientMessageId; status: Outgoing['status']; error?: OutgoingError }
  | { type: 'stored'; message: Message }
  | { type: 'retry' | 'discard'; id: ClientMessageId }
  | { type: 'signed_out' };

/** The outbox as the application sees it: handles, immutable snapshots, events, and what the store keeps. */
export class Sending {
  readonly observable: Source<readonly OutgoingMessage[]>;
  #deps: SendingDeps;
  #sent = new Map<ClientMessageId, Sent>();
  #snapshots = new Map<Outgoing, OutgoingMessage>();
  #lastOrder = 0;

  constructor(deps: SendingDeps) {
    this.#deps = deps;
    this.observable = new Source(deps.batch, () => deps.core.outbox.all().map((outgoing) => this.#snapshot(outgoing)));
  }

  /** Messages of one conversation, in their order. */
  of(id: ConversationId): OutgoingMessage[] {
    return this.observable.get().filter(({ conversationId }) => conversationId === id);
  }

  send(conversationId: ConversationId, draft: DraftMessage | string): SentMessage {
    const { core, extension } = this.#deps;
    this.#deps.open();
    const given = typeof draft === 'string' ? { content: draft } : draft;
    const checked = { ...checkedDraft(given), ...extension?.draft(given) };
    const known = core.outbox.get(checked.clientMessageId);
    if (known) return this.#handle(known);
    const sentAt = this.#deps.clock.now();
    const kept: StoredOutgoing = { ...checked, conversationId, sentAt, order: Math.max(this.#lastOrder + 1, sentAt) };
    const outgoing = restored(kept);
    if (core.outbox.size >= this.#deps.options.maxOutbox) {
      const error = problem('OUTBOX_FULL', 'Too many messages wait. Try again later.');
      return new Sent({ ...outgoing, status: 'failed', error }, core);
    }
    const sent = this.#handle(outgoing);
    this.#deps.persistence.put(kept);
    this.#add(outgoing);
    this.#deps.tabs.post({ type: 'queued', outgoing: kept });
    return sent;
  }

  retry(id: string): SentMessage {
    const outgoing = this.#known(id);
    const sent = this.#handle(outgoing);
    this.#report({ type: 'retry', id: outgoing.clientMessageId });
    return sent;
  }

  discard(id: string): void {
    const { clientMessageId, status } = this.#known(id);
    if (status === 'sending') throw new Error('The message is under way. Discard it later.');
    this.#report({ type: 'discard', id: clientMessageId });
  }

  /** Adds messages of the store or of another tab, in their place. */
  restore(messages: readonly StoredOutgoing[]): void {
    for (const message of messages) {
      if (!this.#deps.core.outbox.get(message.clientMessageId)) this.#add(restored(message));
    }
  }

  /** Takes in what another tab reports about the outbox. */
  mirror(message: TabMessage): void {
    const { outbox, conversations } = this.#deps.core;
    if (message.type === 'queued') {
      const { conversationId, clientMessageId } = message.outgoing;
      const shown = conversations.get(conversationId)?.window?.messages;
      // The stored message may overtake the report.
      if (!shown?.some((one) => one.clientMessageId === clientMessageId)) this.restore([message.outgoing]);
    }
    const outgoing = 'id' in message ? outbox.get(message.id) : undefined;
    if (!outgoing) return;
    if (message.type === 'status') outbox.mirror(outgoing, message.status, message.error);
    else if (message.type === 'retry') outbox.retry(outgoing);
    else if (outbox.discard(outgoing)) this.#leave(outgoing, 'discarded', { error: DISCARDED });
  }

  /** The status of a message has changed. */
  changed(outgoing: Outgoing): void {
    const { tabs, persistence } = this.#deps;
    const { status, error, clientMessageId } = outgoing;
    this.#invalidate(outgoing);
    const hadError = this.#sent.get(clientMessageId)?.settle();
    // This tab sends, and the others follow.
    if (tabs.isLeading) {
      if (status === 'failed' || (status === 'queued' && hadError)) persistence.put(stored(outgoing));
      tabs.post({ type: 'status', id: clientMessageId, status, ...(error && { error }) });
    }
    this.#emit(outgoing, status);
  }

  acknowledged(outgoing: Outgoing, message: Message): void {
    const { tabs } = this.#deps;
    if (tabs.isLeading) tabs.post({ type: 'stored', message });
    this.#leave(outgoing, 'stored', { message });
  }

  /** Forgets the messages, which stay in the store for their user. */
  clear(): void {
    const { outbox } = this.#deps.core;
    for (const outgoing of outbox.all()) {
      this.#invalidate(outgoing);
      this.#sent.get(outgoing.clientMessageId)?.settle({ error: AWAY });
    }
    this.#sent.clear();
    outbox.clear();
  }

  /** A call of the application, for all tabs. */
  #report(message: TabMessage): void {
    this.#deps.batch.run(() => this.mirror(message));
    this.#deps.tabs.post(message);
  }

  #add(outgoing: Outgoing): void {
    this.#lastOrder = Math.max(this.#lastOrder, outgoing.order);
    this.#deps.batch.run(() => {
      this.#invalidate(outgoing);
      this.#emit(outgoing, outgoing.status);
      this.#deps.core.outbox.add(outgoing);
    });
  }

  #leave(outgoing: Outgoing, status: SentMessage['status'], end: End): void {
    const { clientMessageId } = outgoing;
    this.#invalidate(outgoing);
    this.#deps.persistence.remove(clientMessageId);
    this.#sent.get(clientMessageId)?.settle(end);
    this.#sent.delete(clientMessageId);
    this.#emit(outgoing, status, end.message);
  }

  #invalidate(outgoing: Outgoing): void {
    this.#snapshots.delete(outgoing);
    this.observable.invalidate();
    this.#deps.conversations.invalidate(outgoing.conversationId);
  }

  #emit(outgoing: Outgoing, status: SentMessage['status'], message?: Message): void {
    this.#deps.batch.emit('outbox', { message: shown(outgoing), status, ...(message && { stored: message }) });
  }

  #handle(outgoing: Outgoing): Sent {
    const { clientMessageId } = outgoing;
    return getOrAdd(this.#sent, clientMessageId, () => new Sent(outgoing, this.#deps.core));
  }

  #known(id: string): Outgoing {
    this.#deps.open();
    const outgoing = this.#deps.core.outbox.get(id as ClientMessageId);
    if (!outgoing) throw new Error(`The outbox has no message "${id}".`);
    return outgoing;
  }

  #snapshot(outgoing: Outgoing): OutgoingMessage {
    return getOrAdd(this.#snapshots, outgoing, () => shown(outgoing));
  }
}

function restored(message: StoredOutgoing): Outgoing {
  const status = message.error ? 'failed' : 'queued';
  return { ...(message as Outgoing), status, queuedAt: message.sentAt, attempt: 0 };
}

function stored({ status, queuedAt, attempt, ...kept }: Outgoing): StoredOutgoing {
  return kept;
}

function shown({ order, queuedAt, attempt, ...snapshot }: Outgoing): OutgoingMessage {
  return snapshot;
}

const DISCARDED = problem('DISCARDED', 'The message was discarded.', false);
const AWAY = problem('CONNECTION_LOST', 'Its user is away. With a store, it is sent when the user returns.', false);
