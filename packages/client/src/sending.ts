import type { ClientMessageId, ConversationId, Message } from '@chat-cluster/contracts';
import { type Batch, Source } from './batch.ts';
import type { Outbox, Outgoing, OutgoingError } from './core/outbox.ts';
import type { Clock } from './core/seams.ts';
import { checkedDraft, checkId } from './draft.ts';
import { Sent } from './sent.ts';
import type { DraftMessage, OutgoingMessage, SentMessage, StoredOutgoing } from './types.ts';
import { LIMITS } from './wire.ts';

export interface SendingDeps {
  batch: Batch;
  clock: Clock;
  outbox: Outbox;
  maxOutbox: number;
  /** True when the other participant has read the message. */
  isRead(message: Message): boolean;
  /** The messages of this conversation that are shown have changed. */
  changed(id: ConversationId): void;
  keep(outgoing: StoredOutgoing): void;
  forget(id: ClientMessageId): void;
  /** To the other tabs. */
  post(message: TabMessage): void;
}

/** What tabs of one user send to each other about the outbox. */
export type TabMessage =
  | { type: 'queued'; outgoing: StoredOutgoing }
  | { type: 'status'; id: ClientMessageId; status: Outgoing['status']; error?: OutgoingError }
  | { type: 'stored'; message: Message }
  | { type: 'retry' | 'discard'; id: ClientMessageId }
  | { type: 'signed_out' };

const FULL = {
  code: 'OUTBOX_FULL',
  message: 'Too many messages wait to be sent. Try again later.',
  retryable: true,
} as const;

/** The outbox as the application sees it: handles, immutable snapshots, events, and what the store keeps. */
export class Sending {
  readonly observable: Source<readonly OutgoingMessage[]>;
  #deps: SendingDeps;
  #sent = new Map<ClientMessageId, Sent>();
  #snapshots = new Map<Outgoing, OutgoingMessage>();
  #lastOrder = 0;

  constructor(deps: SendingDeps) {
    this.#deps = deps;
    this.observable = new Source(deps.batch, () => deps.outbox.all().map((outgoing) => this.#snapshot(outgoing)));
  }

  /** Messages of one conversation, in their order. */
  of(id: ConversationId): OutgoingMessage[] {
    return this.observable.get().filter(({ conversationId }) => conversationId === id);
  }

  send(conversationId: ConversationId, draft: DraftMessage | string): SentMessage {
    const { content, attachments } = checkedDraft(draft);
    const { clientMessageId = newId() } = typeof draft === 'string' ? {} : draft;
    checkId('clientMessageId', clientMessageId, LIMITS.clientMessageIdLength);
    const { outbox, clock, maxOutbox } = this.#deps;
    const id = clientMessageId as ClientMessageId;
    const now = clock.now();
    this.#lastOrder = Math.max(this.#lastOrder + 1, now);
    const known = outbox.get(id);
    if (known) return this.#handle(known);
    const order = this.#lastOrder;
    const message = { clientMessageId: id, conversationId, content, attachments, sentAt: now, order };
    const outgoing: Outgoing = { ...message, status: 'queued', queuedAt: now, attempt: 0 };
    if (outbox.size >= maxOutbox) return new Sent({ ...outgoing, status: 'failed', error: FULL }, this.#deps.isRead);
    const sent = this.#handle(outgoing);
    this.#add(outgoing);
    this.#deps.keep(stored(outgoing));
    this.#deps.post({ type: 'queued', outgoing: stored(outgoing) });
    return sent;
  }

  retry(id: string): SentMessage {
    const outgoing = this.#known(id);
    const sent = this.#handle(outgoing);
    this.#deps.batch.run(() => this.#deps.outbox.retry(outgoing));
    this.#deps.post({ type: 'retry', id: outgoing.clientMessageId });
    return sent;
  }

  discard(id: string): void {
    const outgoing = this.#known(id);
    if (outgoing.status === 'sending') {
      throw new Error('The message is under way. Discard it when it is queued or failed.');
    }
    this.#deps.batch.run(() => this.#discard(outgoing));
    this.#deps.post({ type: 'discard', id: outgoing.clientMessageId });
  }

  /** Adds messages of the store or of another tab, in their place. */
  restore(messages: readonly StoredOutgoing[]): void {
    for (const message of messages) {
      this.#lastOrder = Math.max(this.#lastOrder, message.order);
      if (this.#deps.outbox.get(message.clientMessageId)) continue;
      const status = message.error ? 'failed' : 'queued';
      this.#add({ ...(message as Outgoing), status, queuedAt: message.sentAt, attempt: 0 });
    }
  }

  /** Takes in what another tab reports about the outbox. */
  mirror(message: TabMessage): void {
    const { outbox } = this.#deps;
    if (message.type === 'queued') this.restore([message.outgoing]);
    if (!('id' in message)) return;
    const outgoing = outbox.get(message.id);
    if (!outgoing) return;
    if (message.type === 'status') outbox.mirror(outgoing, message.status, message.error);
    else if (message.type === 'retry') outbox.retry(outgoing);
    else this.#discard(outgoing);
  }

  /** The status of a message has changed. `isOwn`: this tab sends, and the others follow. */
  changed(outgoing: Outgoing, isOwn: boolean): void {
    const { status, error, clientMessageId } = outgoing;
    this.#invalidate(outgoing);
    const hadError = this.#sent.get(clientMessageId)?.settle();
    if (isOwn) {
      if (status === 'failed' || (status === 'queued' && hadError)) this.#deps.keep(stored(outgoing));
      this.#deps.post({ type: 'status', id: clientMessageId, status, ...(error && { error }) });
    }
    this.#emit(outgoing, status);
  }

  acknowledged(outgoing: Outgoing, message: Message, isOwn: boolean): void {
    this.#leave(outgoing);
    this.#sent.get(outgoing.clientMessageId)?.settle({ message });
    this.#sent.delete(outgoing.clientMessageId);
    if (isOwn) this.#deps.post({ type: 'stored', message });
    this.#emit(outgoing, 'stored', message);
  }

  /** Forgets the messages, which stay in the store for their user. */
  clear(): void {
    for (const outgoing of this.#deps.outbox.all()) {
      this.#snapshots.delete(outgoing);
      this.#sent.get(outgoing.clientMessageId)?.settle({ isAway: true });
      this.#deps.changed(outgoing.conversationId);
    }
    this.#sent.clear();
    this.#deps.outbox.clear();
    this.observable.invalidate();
  }

  #add(outgoing: Outgoing): void {
    this.#deps.batch.run(() => {
      this.#invalidate(outgoing);
      this.#emit(outgoing, outgoing.status);
      this.#deps.outbox.add(outgoing);
    });
  }

  #discard(outgoing: Outgoing): void {
    if (!this.#deps.outbox.discard(outgoing)) return;
    this.#leave(outgoing);
    this.#sent.get(outgoing.clientMessageId)?.settle({ isDiscarded: true });
    this.#sent.delete(outgoing.clientMessageId);
    this.#emit(outgoing, 'discarded');
  }

  #leave(outgoing: Outgoing): void {
    this.#invalidate(outgoing);
    this.#deps.forget(outgoing.clientMessageId);
  }

  #invalidate(outgoing: Outgoing): void {
    this.#snapshots.delete(outgoing);
    this.observable.invalidate();
    this.#deps.changed(outgoing.conversationId);
  }

  #emit(outgoing: Outgoing, status: SentMessage['status'], message?: Message): void {
    const { batch } = this.#deps;
    if (!batch.hasListeners('outbox')) return;
    batch.emit('outbox', { message: snapshotOf(outgoing), status, ...(message && { stored: message }) });
  }

  #handle(outgoing: Outgoing): Sent {
    const { clientMessageId } = outgoing;
    const sent = this.#sent.get(clientMessageId) ?? new Sent(outgoing, this.#deps.isRead);
    this.#sent.set(clientMessageId, sent);
    return sent;
  }

  #known(id: string): Outgoing {
    const outgoing = this.#deps.outbox.get(id as ClientMessageId);
    if (!outgoing) throw new Error(`No message of the outbox has the id "${id}".`);
    return outgoing;
  }

  #snapshot(outgoing: Outgoing): OutgoingMessage {
    let snapshot = this.#snapshots.get(outgoing);
    if (!snapshot) {
      snapshot = snapshotOf(outgoing);
      this.#snapshots.set(outgoing, snapshot);
    }
    return snapshot;
  }
}

function snapshotOf({ order, queuedAt, attempt, ...shown }: Outgoing): OutgoingMessage {
  return shown;
}

function stored({ status, queuedAt, attempt, ...kept }: Outgoing): StoredOutgoing {
  return kept;
}

/** A random UUID. React Native and pages without TLS have no `crypto.randomUUID`. */
function newId(): string {
  const id = globalThis.crypto?.randomUUID?.();
  if (id) return id;
  const hex = () =>
    Math.floor(Math.random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return `${hex()}${hex()}${hex()}${hex()}`;
}
